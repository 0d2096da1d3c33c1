// What a client is told when its request cannot be served: an HTTP status and the error object that
// clients of the OpenAI API know.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace lockstep {

class ApiError : public std::runtime_error {
public:
  /// `param` is the member of the request that is wrong; empty: none.
  ApiError(int status, std::string type, const std::string& message, std::string param = {})
      : std::runtime_error(message),
        status_(status),
        type_(std::move(type)),
        param_(std::move(param)) {}

  [[nodiscard]] static ApiError bad_request(const std::string& message, std::string param = {}) {
    return {400, "BadRequestError", message, std::move(param)};
  }
  [[nodiscard]] static ApiError not_found(const std::string& message, std::string param = {}) {
    return {404, "NotFoundError", message, std::move(param)};
  }

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& type() const { return type_; }
  [[nodiscard]] const std::string& param() const { return param_; }

private:
  int status_;
  std::string type_;
  std::string param_;
};

}  // namespace lockstep
