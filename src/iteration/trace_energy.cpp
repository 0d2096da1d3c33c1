#include "iteration/trace_energy.hpp"

#include "iteration/trace_builder.hpp"

namespace lockstep {

void TraceEnergy::clear() {
  dram_ = 0;
  link_ = 0;
  npu_.clear();
  pim_.clear();
}

void TraceEnergy::add_comm(CollectiveKind kind, Bytes bytes, std::int64_t ranks) {
  const auto size = static_cast<double>(bytes.count());
  if (kind == CollectiveKind::none) {
    link_ += size;
    return;
  }
  const auto n = static_cast<double>(ranks);
  const double rounds = kind == CollectiveKind::all_reduce ? 2.0 * (n - 1.0) : n - 1.0;
  link_ += rounds * (size / n);
}

void TraceEnergy::book(EnergySink& sink, std::int64_t copies) const {
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    sink.dram(dram_);
    sink.link(link_);
    for (const Nanos latency : npu_) {
      sink.npu_active(latency);
    }
    for (const Nanos latency : pim_) {
      sink.pim_active(static_cast<double>(latency.count()));
    }
  }
}

}  // namespace lockstep
