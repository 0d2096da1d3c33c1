// lockstep._core: sessions and their views. The package around it is in python/lockstep.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "base/error.hpp"
#include "config/flag_table.hpp"
#include "errors.hpp"
#include "hooks.hpp"
#include "session.hpp"
#include "views.hpp"

namespace lockstep::python {
namespace py = pybind11;
namespace {

/// A session, whether Python decides in it, and whether it is being advanced.
struct Core {
  explicit Core(std::shared_ptr<Session> made) : session(std::move(made)) {}
  std::shared_ptr<Session> session;
  bool hooked = false;
  bool busy = false;
};

std::unique_ptr<Core> make_core(const std::vector<std::string>& args,
                                std::optional<std::string> cluster,
                                std::optional<std::string> workload) {
  ParsedFlags flags = parse_flags(args);
  const py::gil_scoped_release others_may_run;
  return std::make_unique<Core>(std::make_shared<Session>(
      std::move(flags), InlineInputs{std::move(cluster), std::move(workload)}));
}

/// While it lives nobody else may advance the core.
class Advancing {
public:
  explicit Advancing(Core& core) : core_(core) {
    if (core.busy) {
      throw UserError("this simulation is already being advanced", {},
                      "call it from one thread, and not from its own callbacks");
    }
    core.busy = true;
  }
  ~Advancing() { core_.busy = false; }
  Advancing(const Advancing&) = delete;
  Advancing& operator=(const Advancing&) = delete;

private:
  Core& core_;
};

void check_signals() {
  const py::gil_scoped_acquire lock;
  if (PyErr_CheckSignals() != 0) {
    throw py::error_already_set();
  }
}

template <class More>
void advance_while(Core& core, const More& more) {
  constexpr int kBetweenSignals = 1024;
  int rounds = 0;
  while (!core.session->over() && more()) {
    core.session->advance();
    if (++rounds % kBetweenSignals == 0) {
      check_signals();
    }
  }
}

/// Advances while `more()`. `alone`: nobody else sees the core, so that other threads may run
/// meanwhile, unless Python decides in it.
template <class More>
bool advance(Core& core, const More& more, bool alone = false) {
  const Advancing guard(core);
  std::optional<py::gil_scoped_release> released;
  if (alone && !core.hooked) {
    released.emplace();
  }
  advance_while(core, more);
  return !core.session->over();
}

bool step(Core& core) {
  const StepColumns& steps = core.session->steps();
  const std::int64_t before = steps.launches();
  return advance(core, [&] { return steps.launches() == before; });
}

bool poll(Core& core) {
  bool asked = false;
  return advance(core, [&] { return !std::exchange(asked, true); });
}

bool run_until(Core& core, std::int64_t time) {
  return advance(core, [&] { return core.session->now().count() < time; });
}

void finish(Core& core, bool alone) {
  advance(
      core, [] { return true; }, alone);
  const Advancing guard(core);
  core.session->finish();
  core.session->route_by({});
  core.session->admit_by(nullptr);
}

const Finished& finished(Core& core) {
  if (!core.session->over()) {
    throw UserError("the simulation is not over", {}, "call run() first");
  }
  return core.session->finish();
}

std::vector<InstanceView> instances(const Core& core) {
  std::vector<InstanceView> views;
  for (std::size_t i = 0; i < core.session->cluster().instances.size(); ++i) {
    views.push_back({core.session, &core.session->simulation().scheduler(i)});
  }
  return views;
}

std::vector<RequestView> requests(const Core& core) {
  std::vector<RequestView> views;
  for (const Request& request : core.session->simulation().router().requests()) {
    views.push_back({core.session, &request});
  }
  return views;
}

py::dict request_arrays(const py::object& self) {
  const RequestColumns& columns = finished(self.cast<Core&>()).requests;
  py::dict out;
  const auto add = [&](const char* name, const Column& column) {
    out[name] = array_over(column, self);
  };
  add("instance id", columns.instance);
  add("request id", columns.id);
  add("model", columns.model);
  add("input", columns.input);
  add("output", columns.output);
  add("arrival", columns.arrival);
  add("end_time", columns.end_time);
  add("latency", columns.latency);
  add("queuing_delay", columns.queuing_delay);
  add("TTFT", columns.ttft);
  add("TPOT", columns.tpot);
  add("session", columns.session);
  add("call", columns.call);
  add("itl", columns.itl);
  add("itl_offsets", columns.itl_offsets);
  return out;
}

py::dict step_arrays(const py::object& self) {
  auto& core = self.cast<Core&>();
  finished(core);  // no vector grows any more
  const StepColumns& columns = core.session->steps();
  py::dict out;
  const auto add = [&](const char* name, const Column& column) {
    out[name] = array_over(column, self);
  };
  add("launch", columns.launch);
  add("end", columns.end);
  add("formed", columns.formed);
  add("instance", columns.instance);
  add("wave", columns.wave);
  add("batch", columns.batch);
  add("requests", columns.requests);
  add("prefills", columns.prefills);
  add("tokens", columns.tokens);
  add("padding", columns.padding);
  add("dummy", columns.dummy);
  add("kv_bytes", columns.kv_bytes);
  return out;
}

py::dict timeline_arrays(const py::object& self) {
  const Timeline& timeline = finished(self.cast<Core&>()).timeline;
  py::dict out;
  const auto add = [&](const char* name, const std::vector<double>& column) {
    out[name] = array_over(column, self);
  };
  add("prompt_tokens", timeline.prompt_tokens);
  add("generated_tokens", timeline.generated_tokens);
  add("finished", timeline.finished);
  add("running", timeline.running);
  add("waiting", timeline.waiting);
  return out;
}

/// "value", "pair" or "switch" by the name of every flag, without its dashes.
py::dict flag_kinds() {
  py::dict kinds;
  for (const auto& flags : {field_flags(), own_flags()}) {
    for (const Flag& flag : flags) {
      if (flag.name == "--max-memory") {
        continue;  // the interpreter is not ours to limit
      }
      const char* kind = flag.kind == FlagKind::pair ? "pair" : "switch";
      kinds[py::str(std::string(flag.name.substr(2)))] = flag.takes_value() ? "value" : kind;
    }
  }
  return kinds;
}

void bind_core(py::module_& module) {
  py::class_<Core>(module, "Core")
      .def(py::init(&make_core), py::arg("args"), py::arg("cluster") = py::none(),
           py::arg("workload") = py::none())
      .def("step", &step)
      .def("poll", &poll)
      .def("run_until", &run_until)
      .def("finish", &finish, py::arg("alone") = false)
      .def_property_readonly("over", [](const Core& core) { return core.session->over(); })
      .def_property_readonly("now", [](const Core& core) { return core.session->now().count(); })
      .def_property_readonly("launches",
                             [](const Core& core) { return core.session->steps().launches(); })
      .def_property_readonly("instances", &instances)
      .def_property_readonly("requests", &requests)
      .def_property_readonly("quiet", [](const Core& core) { return core.session->quiet(); })
      .def_property_readonly("warnings", [](const Core& core) { return core.session->warnings(); })
      .def_property_readonly("total_ns",
                             [](Core& core) { return finished(core).result.total_clocks.count(); })
      .def_property_readonly("summary", [](Core& core) { return finished(core).summary; })
      .def_property_readonly("models", [](Core& core) { return finished(core).requests.models; })
      .def_property_readonly("bucket_ns",
                             [](Core& core) { return finished(core).timeline.width_ns; })
      .def("csv", [](Core& core) { return finished(core), py::bytes(core.session->csv()); })
      .def("write_csv",
           [](Core& core, const std::string& path) {
             finished(core);
             OutputFile(path).commit(core.session->csv());
           })
      .def("request_arrays", &request_arrays)
      .def("step_arrays", &step_arrays)
      .def("timeline_arrays", &timeline_arrays)
      .def("route_by",
           [](Core& core, py::function function) {
             core.hooked = true;
             core.session->route_by(chooser_of(std::move(function), core.session));
           })
      .def("admit_by", [](Core& core, py::function function) {
        core.hooked = true;
        core.session->admit_by(policy_of(std::move(function), core.session));
      });
}

}  // namespace
}  // namespace lockstep::python

PYBIND11_MODULE(_core, module) {
  module.doc() = "The engine of the lockstep package.";
  lockstep::python::bind_errors(module);
  lockstep::python::bind_views(module);
  lockstep::python::bind_core(module);
  module.def("flag_kinds", &lockstep::python::flag_kinds);
  module.attr("version") = LOCKSTEP_VERSION;
}
