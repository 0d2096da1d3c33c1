// The failures of a run as Python exceptions.
#pragma once

#include <pybind11/pybind11.h>

namespace lockstep::python {

/// `lockstep.Error` for mistakes in the input (with problem, file, line, path, mend; its text is
/// the command line's) and `lockstep.InternalError` for ours.
void bind_errors(pybind11::module_& module);

}  // namespace lockstep::python
