// The body of a request to the endpoint.
#include "endpoint/api_request.hpp"

#include "fuzz_target.hpp"

namespace {

void read_request_bytes(std::string_view bytes) {
  static lockstep::ApiRequestReader reader;
  const bool chat = lockstep::fuzz::take_choice(bytes, 2) == 1;
  static_cast<void>(
      reader.read(chat ? lockstep::ApiKind::chat : lockstep::ApiKind::completion, bytes));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(api_request, read_request_bytes)
