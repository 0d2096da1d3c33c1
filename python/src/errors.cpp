#include "errors.hpp"

#include <exception>

#include "base/error.hpp"

namespace lockstep::python {
namespace py = pybind11;
namespace {

// They live as long as the module, which is never unloaded.
PyObject* error_type = nullptr;
PyObject* internal_type = nullptr;

py::object text_or_none(const std::string& text) {
  return text.empty() ? py::object(py::none()) : py::object(py::str(text));
}

void raise(const UserError& error) {
  const py::object exception = py::handle(error_type)(error.what());
  exception.attr("problem") = error.problem();
  exception.attr("file") = text_or_none(error.where().file);
  exception.attr("line") =
      error.where().line > 0 ? py::object(py::int_(error.where().line)) : py::object(py::none());
  exception.attr("path") = text_or_none(error.where().path);
  exception.attr("mend") = text_or_none(error.mend());
  PyErr_SetObject(error_type, exception.ptr());
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) {
      std::rethrow_exception(pointer);
    }
  } catch (const UserError& error) {
    raise(error);
  } catch (const InternalError& error) {
    PyErr_SetString(internal_type, error.what());
  }
}

}  // namespace

void bind_errors(py::module_& module) {
  error_type = PyErr_NewExceptionWithDoc(
      "lockstep.Error",
      "A mistake in the input. Its text is what the command line prints behind `error: `; problem, "
      "file, line, path and mend are its parts (None: not known).",
      PyExc_ValueError, nullptr);
  internal_type = PyErr_NewExceptionWithDoc(
      "lockstep.InternalError", "A defect of Lockstep itself.", PyExc_RuntimeError, nullptr);
  module.attr("Error") = py::handle(error_type);
  module.attr("InternalError") = py::handle(internal_type);
  py::register_exception_translator(&translate);
}

}  // namespace lockstep::python
