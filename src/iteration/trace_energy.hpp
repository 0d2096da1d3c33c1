// What one group of rows moves and computes, kept until the group's copies are booked.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "network/collective.hpp"

namespace lockstep {

class EnergySink;

class TraceEnergy {
public:
  void clear();
  void add_dram(Bytes bytes) { dram_ += static_cast<double>(bytes.count()); }
  /// Ring traffic of a collective over `ranks`; with none, the bytes of a plain message.
  void add_comm(CollectiveKind kind, Bytes bytes, std::int64_t ranks);
  void add_npu(Nanos latency) { npu_.push_back(latency); }
  void add_pim(Nanos latency) { pim_.push_back(latency); }
  /// Per copy: memory, link, every NPU latency, every latency in memory.
  void book(EnergySink& sink, std::int64_t copies) const;

private:
  double dram_ = 0;
  double link_ = 0;
  std::vector<Nanos> npu_;
  std::vector<Nanos> pim_;
};

}  // namespace lockstep
