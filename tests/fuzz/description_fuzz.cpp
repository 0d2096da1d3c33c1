// A Hugging Face config.json, as layers, and what is counted from it.
#include "fuzz_target.hpp"
#include "model/description/parameter_count.hpp"
#include "model/description/read_description.hpp"

namespace {

void read_description_bytes(std::string_view bytes) {
  static_cast<void>(
      lockstep::read_description(lockstep::fuzz::file_of(bytes, "config.json"), "any/model"));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(description, read_description_bytes)
