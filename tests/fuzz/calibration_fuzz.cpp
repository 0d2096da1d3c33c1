// Step terms as `lockstep calibrate` writes them.
#include "config/step_calibration.hpp"
#include "fuzz_target.hpp"

namespace {

void read_calibration_bytes(std::string_view bytes) {
  static_cast<void>(
      lockstep::read_step_calibration(lockstep::fuzz::file_of(bytes, "calibration.json")));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(calibration, read_calibration_bytes)
