// NumPy arrays that look into vectors of a session.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <vector>

namespace lockstep::python {

/// A read-only array over `values` without a copy. `keeper` is what owns them and lives as long as
/// the array.
template <class Number>
[[nodiscard]] pybind11::array_t<Number> array_over(const std::vector<Number>& values,
                                                   pybind11::handle keeper) {
  pybind11::array_t<Number> array(static_cast<pybind11::ssize_t>(values.size()), values.data(),
                                  keeper);
  array.attr("setflags")(pybind11::arg("write") = false);
  return array;
}

}  // namespace lockstep::python
