// The INI file of a memory that computes.
#include "config/pim_device.hpp"
#include "fuzz_target.hpp"

namespace {

void read_pim_bytes(std::string_view bytes) {
  static_cast<void>(lockstep::read_pim_device(lockstep::fuzz::file_of(bytes, "device.ini"), 512));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(pim, read_pim_bytes)
