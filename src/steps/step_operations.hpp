// A step as the operations that one rank executes, put together as vLLM does: fused projections,
// one all-reduce behind attention and one behind the feed-forward, logits for sampled rows only.
#pragma once

#include "model/description/model_description.hpp"
#include "model/description/parallel_split.hpp"
#include "steps/operation_sink.hpp"
#include "steps/step_batch.hpp"
#include "steps/step_options.hpp"

namespace lockstep {

/// What all blocks need to know. `tokens` is the padded number of rows.
struct StepContext {
  const ModelDescription& model;
  const ParallelSplit& split;
  const StepOptions& options;
  std::int64_t tokens = 0;
  /// Rows of all attention-DP ranks together; 0: as many as here on each.
  std::int64_t group_tokens = 0;
  /// Null: decodes are so many of their mean length.
  MixedDecodes* mixed_decodes = nullptr;

  [[nodiscard]] std::int64_t expert_tokens() const {
    return group_tokens > 0 ? group_tokens : tokens * split.attention_dp;
  }
};

/// Everything whose time depends on the number of rows alone: all but attention and the head.
void add_row_operations(const StepContext& context, OperationSink& sink);
/// The parts of that: in front of the layers, and `times` layers of one kind.
void add_embedding(const StepContext& context, OperationSink& sink);
void add_layer_rows(const StepContext& context, const LayerKind& kind, std::int64_t times,
                    OperationSink& sink);
/// `times` layers of one kind: what looks back at earlier tokens, or carries a state.
void add_layer_mixing(const StepContext& context, const LayerKind& kind, const StepBatch& batch,
                      std::int64_t times, OperationSink& sink);
/// The same of all layers.
void add_mixing_operations(const StepContext& context, const StepBatch& batch, OperationSink& sink);
/// Final norm, output head, gathering of the logits and sampling, for `rows` rows.
void add_head_operations(const StepContext& context, std::int64_t rows, OperationSink& sink);

// Blocks, each in its own file; `times` layers of the kind.

void add_head_attention_rows(const StepContext& context, const LayerKind& kind,
                             const HeadAttention& attention, std::int64_t times,
                             OperationSink& sink);
void add_head_attention_mixing(const StepContext& context, const HeadAttention& attention,
                               const StepBatch& batch, std::int64_t times, OperationSink& sink);
void add_latent_rows(const StepContext& context, const LayerKind& kind, const LatentMixer& mixer,
                     std::int64_t times, OperationSink& sink);
void add_latent_mixing(const StepContext& context, const LayerKind& kind, const LatentMixer& mixer,
                       const StepBatch& batch, std::int64_t times, OperationSink& sink);
void add_state_rows(const StepContext& context, const LayerKind& kind, const Mixer& mixer,
                    std::int64_t times, OperationSink& sink);
void add_state_mixing(const StepContext& context, const Mixer& mixer, const StepBatch& batch,
                      std::int64_t times, OperationSink& sink);
void add_dense_mlp(const StepContext& context, const LayerKind& kind, const DenseMlp& mlp,
                   std::int64_t times, OperationSink& sink);
void add_expert_mlp(const StepContext& context, const LayerKind& kind, const ExpertMlp& mlp,
                    std::int64_t times, OperationSink& sink);

// Pieces that blocks share.

/// The precision that a product with weights of this format runs in.
[[nodiscard]] Precision precision_of(const WeightFormat& format);
/// A rank's share, rounded up.
[[nodiscard]] std::int64_t share(std::int64_t count, std::int64_t ranks);
/// Bytes of `values` activations.
[[nodiscard]] double activation_bytes(const StepContext& context, std::int64_t values);
/// The product of all rows with a `from` x `to` matrix.
void add_product(const StepContext& context, std::string_view name, std::int64_t from,
                 std::int64_t to, const WeightFormat& format, std::int64_t times,
                 OperationSink& sink);
/// Residual add and norm over the hidden state, in front of a block.
void add_norm(const StepContext& context, std::string_view name, std::int64_t times,
              OperationSink& sink);
/// Sum of the ranks' partial hidden states; nothing on one rank.
void add_all_reduce(const StepContext& context, std::string_view name, std::int64_t ranks,
                    std::int64_t times, OperationSink& sink);
/// One prompt of mean sizes for `prompts`, and how many of it.
struct MeanPrompt {
  std::int64_t count = 0;
  std::int64_t tokens = 0;
  std::int64_t cached = 0;
};
[[nodiscard]] MeanPrompt mean_prompt(const std::vector<PromptChunk>& prompts);

}  // namespace lockstep
