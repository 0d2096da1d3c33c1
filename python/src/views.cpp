#include "views.hpp"

#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "arrays.hpp"

namespace lockstep::python {
namespace py = pybind11;
namespace {

const char* status_name(const Request& request) {
  switch (request.status) {
    case RequestStatus::waiting:
      return "waiting";
    case RequestStatus::running:
      return "running";
    case RequestStatus::preempted:
      return "preempted";
    case RequestStatus::finished:
      return "finished";
  }
  return "";
}

py::object time_or_none(Nanos time) {
  return time.count() < 0 ? py::object(py::none()) : py::object(py::int_(time.count()));
}

/// Token ids of the prompt in the workload; of length 0 where it gives none.
py::array prompt_ids(const py::object& self) {
  static const TokenIds none;
  const auto& view = self.cast<const RequestView&>();
  const WorkloadRequest* source = view.request->source;
  return array_over(source != nullptr ? source->input_ids : none, self);
}

template <class Requests>
std::vector<RequestView> views_of(const SessionRef& session, const Requests& requests) {
  std::vector<RequestView> views;
  for (const Request* request : requests) {
    views.push_back({session, request});
  }
  return views;
}

const char* role_name(const Instance& instance) {
  if (instance.pd == PdType::none) {
    return "prefill+decode";
  }
  return instance.pd == PdType::prefill ? "prefill" : "decode";
}

void bind_request(py::module_& module) {
  py::class_<RequestView> view(module, "Request", "A request as it stands. Times are ns.");
  const auto number = [&](const char* name, auto get, const char* doc) {
    view.def_property_readonly(
        name, [get](const RequestView& v) { return get(*v.request); }, doc);
  };
  number(
      "id", [](const Request& r) { return r.id; }, "running number in the workload");
  number(
      "input", [](const Request& r) { return r.input; }, "tokens of the prompt");
  number(
      "output", [](const Request& r) { return r.output - r.input; }, "tokens to generate");
  number(
      "arrival", [](const Request& r) { return r.arrival.count(); }, "ns");
  number(
      "instance", [](const Request& r) { return r.instance; }, "id of the present owner");
  number(
      "computed", [](const Request& r) { return r.num_computed; },
      "tokens whose KV exists or is scheduled");
  number(
      "generated", [](const Request& r) { return r.num_tokens - r.input; },
      "tokens generated so far");
  number(
      "preemptions", [](const Request& r) { return r.num_preemptions; }, "so far");
  number("status", status_name, "waiting, running, preempted or finished");
  number(
      "ttft", [](const Request& r) { return time_or_none(r.ttft); }, "ns; None: not yet");
  number(
      "end_time", [](const Request& r) { return time_or_none(r.end_time); }, "ns; None: not yet");
  number(
      "session", [](const Request& r) { return r.source != nullptr ? r.source->session : -1; },
      "index of its session; -1: none");
  number(
      "call", [](const Request& r) { return r.source != nullptr ? r.source->session_call : 0; },
      "position in its session");
  view.def_property_readonly("prompt_ids", &prompt_ids,
                             "token ids of the prompt, without a copy; empty where none are known");
  view.def(
      "__eq__", [](const RequestView& a, const RequestView& b) { return a == b; },
      py::is_operator());
  view.def("__hash__", [](const RequestView& v) { return py::hash(py::int_(v.request->id)); });
  view.def("__repr__", [](const RequestView& v) {
    return fmt::format("<lockstep.Request {}: {} + {} tokens, {}>", v.request->id, v.request->input,
                       v.request->output - v.request->input, status_name(*v.request));
  });
}

void bind_instance(py::module_& module) {
  py::class_<InstanceView> view(module, "Instance", "A serving instance as it stands.");
  const auto fact = [&](const char* name, auto get, const char* doc) {
    view.def_property_readonly(
        name, [get](const InstanceView& v) { return get(*v.scheduler); }, doc);
  };
  fact(
      "id", [](const Scheduler& s) { return s.instance().id; }, "place in the cluster file");
  fact(
      "model", [](const Scheduler& s) { return s.instance().model->name; }, "name of its model");
  fact(
      "hardware", [](const Scheduler& s) { return s.instance().hardware; }, "name of its GPU");
  fact(
      "role", [](const Scheduler& s) { return role_name(s.instance()); },
      "prefill+decode, prefill or decode");
  fact(
      "num_waiting", [](const Scheduler& s) { return s.num_waiting(); }, "requests in line");
  fact(
      "num_running", [](const Scheduler& s) { return s.num_running(); }, "admitted requests");
  fact(
      "num_in_flight", [](const Scheduler& s) { return s.num_inflight(); },
      "batches under way, at most pp_size");
  fact(
      "max_num_seqs", [](const Scheduler& s) { return s.instance().max_num_seqs; },
      "most requests in a batch; 0: no limit");
  fact(
      "block_size", [](const Scheduler& s) { return s.kv().layout().block_size; },
      "tokens a KV block holds");
  fact(
      "num_blocks", [](const Scheduler& s) { return s.kv().npu_pool().num_blocks(); },
      "KV blocks a rank has");
  fact(
      "free_blocks", [](const Scheduler& s) { return s.kv().npu_pool().num_free(); },
      "KV blocks that nobody holds; some may still be indexed for reuse");
  view.def_property_readonly(
      "waiting", [](const InstanceView& v) { return views_of(v.session, v.scheduler->waiting()); },
      "the waiting queue, head first");
  view.def_property_readonly(
      "running", [](const InstanceView& v) { return views_of(v.session, v.scheduler->running()); },
      "the running requests, in the order of their admission");
  view.def(
      "__eq__", [](const InstanceView& a, const InstanceView& b) { return a == b; },
      py::is_operator());
  view.def("__hash__",
           [](const InstanceView& v) { return py::hash(py::int_(v.scheduler->instance().id)); });
  view.def("__repr__", [](const InstanceView& v) {
    const Scheduler& s = *v.scheduler;
    return fmt::format("<lockstep.Instance {}: {} waiting, {} running, {} of {} blocks free>",
                       s.instance().id, s.num_waiting(), s.num_running(),
                       s.kv().npu_pool().num_free(), s.kv().npu_pool().num_blocks());
  });
}

}  // namespace

void bind_views(py::module_& module) {
  bind_request(module);
  bind_instance(module);
}

}  // namespace lockstep::python
