// A bundle's meta.yaml.
#include "fuzz_target.hpp"
#include "perf/bundle_meta.hpp"

namespace {

void read_meta_bytes(std::string_view bytes) {
  static_cast<void>(lockstep::read_bundle_meta(lockstep::fuzz::file_of(bytes, "meta.yaml")));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(bundle_meta, read_meta_bytes)
