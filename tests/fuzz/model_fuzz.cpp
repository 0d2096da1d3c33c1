// A model's config as clusters read it, and the memory it takes.
#include "fuzz_target.hpp"
#include "model/footprint.hpp"
#include "model/model_config.hpp"

namespace {

void read_model_bytes(std::string_view bytes) {
  static_cast<void>(
      lockstep::read_model_config(lockstep::fuzz::file_of(bytes, "model.json"), "any/model"));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(model, read_model_bytes)
