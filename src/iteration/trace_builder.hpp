// Makes the rows of a batch: layer times from the kernel-time source, sizes from the model,
// collectives from the parallel plan.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/fidelity.hpp"
#include "iteration/described_steps.hpp"
#include "iteration/lora_times.hpp"
#include "iteration/trace.hpp"
#include "perf/all_reduce_curve.hpp"
#include "perf/decode_blocks.hpp"
#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"

namespace lockstep {

/// Energy-relevant amounts of a batch, in the order in which they are booked (power room's rules).
class EnergySink {
public:
  virtual ~EnergySink() = default;
  virtual void npu_active(Nanos latency) = 0;  ///< of all tp NPUs of the instance
  virtual void dram(double bytes) = 0;
  virtual void link(double bytes) = 0;
  virtual void pim_active(double latency_ns) = 0;
};

struct TraceSettings {
  ExpertRoutingPolicy expert_routing = ExpertRoutingPolicy::balanced;
  ExpertExchange expert_exchange = ExpertExchange::all_gather_reduce_scatter;
  /// An MoE model with block copy off (and no placement per block) gets one block instead of all,
  /// as in the reference.
  bool single_block_without_copy = true;
  FidelityPolicy fidelity{};
  std::optional<AllReduceCurve> all_reduce{};    ///< none: the network decides
  std::optional<DecodeBlocks> decode_blocks{};   ///< none: attention is looked up
  std::optional<LoraTimes> lora{};               ///< none: adapters take no time
  std::optional<DescribedSettings> described{};  ///< of an instance with a description
};

class TraceEmitter;
struct BatchShape;

/// One per instance. Not thread-safe.
class TraceBuilder {
public:
  /// `cluster` and `instance` must outlive the builder. Throws UserError for an unknown model_type
  /// and when a layer that cannot be left out has no kernel times.
  TraceBuilder(const Cluster& cluster, const Instance& instance,
               std::shared_ptr<const KernelTimes> times, TraceSettings settings);
  ~TraceBuilder();
  TraceBuilder(TraceBuilder&&) noexcept;
  TraceBuilder(const TraceBuilder&) = delete;
  TraceBuilder& operator=(const TraceBuilder&) = delete;
  TraceBuilder& operator=(TraceBuilder&&) = delete;

  /// `wave_len`: the length of the group's longest batch for a DP member, else the batch's own.
  /// Fills `out` in place so that its buffers are reused. `energy` may be null.
  /// Throws UserError for more pipeline stages than blocks.
  /// A described model's steps come from its operations instead.
  void build(const Batch& batch, std::int64_t wave_len, IterationTrace& out, EnergySink* energy);

  /// Of one layer of a step of decodes, as its row would have it; of a described model that of all
  /// layers, which then counts as one row.
  [[nodiscard]] KernelTime decode_attention(const BatchShape& shape) const;
  /// Of the trace built last: its attention rows, all copies of them.
  [[nodiscard]] std::int64_t attention_rows() const;
  /// Of the trace built last: look-ups of all other rows.
  [[nodiscard]] LookupCounts other_lookups() const;
  /// As if a trace with these look-ups had been built.
  void count(const LookupCounts& others, TimeSource attention, std::int64_t attention_rows);

  /// A look-up counts once per row of the expanded trace.
  [[nodiscard]] const LookupCounts& lookups() const;
  /// Layers left out for lack of data, once each.
  [[nodiscard]] const std::vector<std::string>& warnings() const;

private:
  void build_plain(const Batch& batch, IterationTrace& out, EnergySink* energy);
  /// False: one half is empty and nothing was written.
  bool build_interleaved(const Batch& batch, EnergySink* energy);
  void book_transfers(const BatchShape& shape, const Batch& batch, EnergySink& energy) const;
  [[nodiscard]] std::int64_t num_blocks() const;
  [[nodiscard]] std::int64_t equal_blocks(std::int64_t block, std::int64_t end) const;

  const Instance& instance_;
  std::shared_ptr<const KernelTimes> times_;
  TraceSettings settings_;
  std::unique_ptr<TraceEmitter> emitter_;  ///< null: described
  std::unique_ptr<DescribedSteps> described_;
  LoraSlots adapters_;
  std::vector<std::int64_t> block_starts_;
  std::array<std::vector<BatchEntry>, 2> halves_;
};

/// Sizes of the expert exchange of a wave whose longest batch has `wave_len` tokens, and that has
/// `wave_tokens` of all members together (0: as many as the longest each). A link's two directions
/// share what it carries, so that the sum counts and not the longer side.
struct ExchangeSizes {
  CollectiveKind dispatch = CollectiveKind::none;
  CollectiveKind combine = CollectiveKind::none;
  Bytes dispatch_size, combine_size;
};
[[nodiscard]] ExchangeSizes exchange_sizes(const Instance& instance, std::int64_t wave_len,
                                           std::int64_t wave_tokens, ExpertExchange form,
                                           const FidelityPolicy& policy);

}  // namespace lockstep
