// Writes the rows of one batch section by section and keeps the accounts that go with them: look-up
// counts and energy. The builder decides which sections follow each other.
//
// Rows of a group (open_group .. close_group) are written once and stand for `copies` of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "iteration/trace.hpp"
#include "iteration/trace_builder.hpp"
#include "iteration/trace_energy.hpp"
#include "iteration/trace_pim.hpp"
#include "iteration/trace_shape.hpp"
#include "iteration/unsplit_decodes.hpp"
#include "model/architecture.hpp"
#include "model/expert_routing.hpp"
#include "model/footprint.hpp"

namespace lockstep {

class TraceEmitter {
public:
  /// Throws UserError when a layer that cannot be left out has no kernel times.
  TraceEmitter(const Cluster& cluster, const Instance& instance, const KernelTimes& times,
               const TraceSettings& settings);

  /// Starts a trace; `energy` may be null. `wave_len` as in TraceBuilder::build.
  /// `wave_tokens`: of all members together; 0: in no wave.
  void begin(IterationTrace& out, std::int64_t wave_len, std::int64_t wave_tokens,
             EnergySink* energy);
  /// The following rows stand `copies` times one after the other.
  void open_group(std::int64_t copies);
  void kv_load(Bytes size);
  void prologue(const BatchShape& shape, BatchTag tag);
  /// Behind the prologue: the NPU waits until adapters are there. Nothing for no time.
  void load_adapters(Nanos time);
  void pre_attention(const BatchShape& shape, BatchTag tag, std::int64_t block);
  /// From the output projection to the end of the block.
  void post_attention(const BatchShape& shape, BatchTag tag, std::int64_t block);
  /// `drafts`: time of a draft model before the last row, which hands the ids to the host.
  void head(const BatchShape& shape, BatchTag tag, Nanos drafts = Nanos{0});
  /// Books the energy of the block rows since the last call, once per copy of the group.
  void book_blocks();
  /// Rows of the group so far.
  [[nodiscard]] std::int64_t group_rows() const;
  /// Releases what is left of an earlier, longer trace.
  void finish();

  [[nodiscard]] const LookupCounts& lookups() const { return lookups_; }
  /// Of the trace written last.
  [[nodiscard]] std::int64_t attention_rows() const { return attention_rows_; }
  [[nodiscard]] LookupCounts other_lookups() const;
  [[nodiscard]] KernelTime attention_time(const BatchShape& shape) const;
  void count(const LookupCounts& others, TimeSource attention, std::int64_t attention_rows);
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

private:
  /// Time and sizes of one layer; they repeat from batch to batch and within one.
  struct LayerMemo {
    std::int64_t tokens = -1;
    std::int64_t argument = -1;
    KernelTime time;
    TensorSizes sizes;
  };
  /// Of one sub-batch.
  struct Memo {
    std::array<LayerMemo, kLayerCount> layers;
    bool attention_known = false;
    LayerMemo attention;
  };

  std::vector<Layer> with_data(const std::vector<Layer>& section);
  void require_data(const std::vector<Layer>& section) const;
  [[nodiscard]] Memo& memo(BatchTag tag) { return memos_[tag == BatchTag::batch_2 ? 1 : 0]; }
  const LayerMemo& layer_facts(const BatchShape& shape, BatchTag tag, Layer layer);
  const LayerMemo& attention_facts(const BatchShape& shape, BatchTag tag);

  TraceRow& plain_row(const BatchShape& shape, BatchTag tag, std::optional<std::int64_t> block,
                      Layer layer);
  void time_row(std::string_view name, Nanos time);
  TraceRow& marker_row(RowKind kind, std::int64_t index = 0);
  void block_row(const BatchShape& shape, BatchTag tag, std::int64_t block, Layer layer);
  void attention_rows(const BatchShape& shape, BatchTag tag, std::int64_t block);
  void pim_rows(const BatchShape& shape, BatchTag tag, std::int64_t block);
  void expert_rows(const BatchShape& shape, BatchTag tag, std::int64_t block);
  void route(const BatchShape& shape);
  void outer_energy(const TraceRow& row, Bytes weight);
  void count(TimeSource source) { lookups_.add(source, copies_); }
  void count_attention(TimeSource source);

  const Instance& instance_;
  const ModelConfig& model_;
  ModelConfig rank_model_;  ///< as the ranks hold it: tensor sizes
  std::int64_t kv_fp_;      ///< bytes of a cached value in tensor sizes
  const Architecture& architecture_;
  const KernelTimes& times_;
  TraceSettings settings_;
  const PimDevice* pim_ = nullptr;
  std::unique_ptr<UnsplitDecodes> unsplit_decodes_;  ///< null: they are looked up

  std::vector<Layer> pre_attn_, post_attn_, mlp_;
  std::array<Memo, 2> memos_;
  std::optional<ExpertRouter> router_;
  ExpertLoad load_;
  PimSchedule pim_schedule_;
  LookupCounts lookups_;
  std::vector<std::string> warnings_;

  // Of the trace that is being written.
  IterationTrace* out_ = nullptr;
  std::vector<TraceRow>* rows_ = nullptr;
  std::size_t groups_ = 0;
  std::int64_t copies_ = 1;
  std::int64_t wave_len_ = 0;
  std::int64_t wave_tokens_ = 0;
  AdaptedTokens adapted_;
  LookupCounts lookups_before_, attention_lookups_;
  std::int64_t attention_rows_ = 0;
  EnergySink* energy_ = nullptr;
  TraceEnergy record_;
};

}  // namespace lockstep
