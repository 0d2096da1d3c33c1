// The public traces; the first byte says of which form.
#include "fuzz_target.hpp"
#include "workload/public_trace.hpp"

namespace {

void read_public_bytes(std::string_view bytes) {
  using lockstep::TraceForm;
  const std::size_t which = lockstep::fuzz::take_choice(bytes, 3);
  const TraceForm form = which == 0   ? TraceForm::azure
                         : which == 1 ? TraceForm::burst_gpt
                                      : TraceForm::mooncake;
  static_cast<void>(
      lockstep::read_public_trace(lockstep::fuzz::file_of(bytes, "trace.csv"), form, {}));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(public_trace, read_public_bytes)
