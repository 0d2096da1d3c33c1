// The barrier of a data-parallel group: a wave starts when every member has brought a batch.
//
// Each member queues its batches, so that with pipelines a member may bring its next one while an
// earlier one still waits. A wave takes the oldest of each.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "config/cluster.hpp"
#include "serving/batch.hpp"

namespace lockstep {

class DPWave {
public:
  explicit DPWave(const DpGroup& group);

  [[nodiscard]] const std::vector<std::int32_t>& members() const { return members_; }
  /// No member waits.
  [[nodiscard]] bool empty() const { return waiting_ == 0; }
  [[nodiscard]] bool has_entry(std::int32_t instance) const;
  /// True while `batch` waits for the other members.
  [[nodiscard]] bool holds(const Batch& batch) const;
  [[nodiscard]] bool complete() const { return missing_ == 0; }

  void join(Batch& batch);
  /// Takes one batch of each member, in group order, as they were brought, into `wave`.
  void take_wave(std::vector<Batch*>& wave);

private:
  [[nodiscard]] std::size_t slot(std::int32_t instance) const;

  std::vector<std::int32_t> members_;
  std::vector<std::vector<Batch*>> entries_;   ///< by member, oldest first; few
  std::map<std::int32_t, std::size_t> slots_;  ///< by instance
  std::size_t waiting_ = 0;                    ///< batches in all queues
  std::size_t missing_ = 0;                    ///< members without a batch
};

}  // namespace lockstep
