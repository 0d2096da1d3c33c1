// What Python sees of a running simulation: requests and instances as they stand.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>

#include "serving/request.hpp"
#include "serving/scheduler.hpp"
#include "session.hpp"

namespace lockstep::python {

using SessionRef = std::shared_ptr<Session>;

/// Both keep their session alive. They show the present state, not that of their making.
struct RequestView {
  SessionRef session;
  const Request* request = nullptr;
  friend bool operator==(const RequestView& a, const RequestView& b) {
    return a.request == b.request;
  }
};
struct InstanceView {
  SessionRef session;
  const Scheduler* scheduler = nullptr;
  friend bool operator==(const InstanceView& a, const InstanceView& b) {
    return a.scheduler == b.scheduler;
  }
};

void bind_views(pybind11::module_& module);

}  // namespace lockstep::python
