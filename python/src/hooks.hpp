// Python functions that decide in a run. They are called in the thread that advances it, which
// holds the interpreter's lock meanwhile.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "serving/admission_policy.hpp"
#include "serving/router.hpp"
#include "views.hpp"

namespace lockstep::python {

/// `function(request, instances)` answers one of the instances, or its place in the list.
[[nodiscard]] Router::Chooser chooser_of(pybind11::function function,
                                         const std::shared_ptr<Session>& session);

/// `function(instance, now, waiting)` answers those that may enter, in the order in which they are
/// tried: requests of the list, or places in it.
[[nodiscard]] std::unique_ptr<AdmissionPolicy> policy_of(pybind11::function function,
                                                         const std::shared_ptr<Session>& session);

}  // namespace lockstep::python
