// What a model is, layer by layer, whatever its family: which mixer looks back at earlier tokens,
// which feed-forward follows it, and how the weights of each are stored. Read from a Hugging Face
// config.json as it is. Numbers are of the whole model; splitting over ranks comes later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/description/weight_format.hpp"

namespace lockstep {

/// Attention with its own keys and values per head group; the cache holds both.
struct HeadAttention {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t window = 0;  ///< tokens that are attended to, the new one included; 0: all
  bool chunked = false;     ///< the window does not slide: it restarts every `window` tokens
  bool qkv_bias = false;
  bool output_bias = false;
  bool qk_norm = false;
  bool norm_over_heads = false;  ///< q/k norm over all heads at once, so over all ranks
  bool sinks = false;            ///< one learned logit a head
  bool output_gate = false;      ///< a gate as wide as the query, made by the query's projection
  bool key_is_value = false;     ///< one projection makes both; the cache still holds two

  [[nodiscard]] std::int64_t q_dim() const { return heads * head_dim; }
  [[nodiscard]] std::int64_t kv_dim() const { return kv_heads * head_dim; }
  friend bool operator==(const HeadAttention&, const HeadAttention&) = default;
};

/// Multi-head latent attention: the cache holds one compressed vector a token, for all heads.
struct LatentMixer {
  std::int64_t heads = 0;
  std::int64_t query_rank = 0;  ///< 0: queries are not compressed
  std::int64_t kv_rank = 0;
  std::int64_t nope_dim = 0;
  std::int64_t rope_dim = 0;
  std::int64_t value_dim = 0;
  std::int64_t index_heads = 0;  ///< sparse attention's index; 0: every token is attended to
  std::int64_t index_dim = 0;
  std::int64_t index_top_k = 0;

  [[nodiscard]] std::int64_t cache_dim() const { return kv_rank + rope_dim; }
  [[nodiscard]] std::int64_t q_dim() const { return heads * (nope_dim + rope_dim); }
  friend bool operator==(const LatentMixer&, const LatentMixer&) = default;
};

/// Gated delta net: a state of fixed size instead of a cache.
struct DeltaNetMixer {
  std::int64_t key_heads = 0;
  std::int64_t value_heads = 0;
  std::int64_t key_head_dim = 0;
  std::int64_t value_head_dim = 0;
  std::int64_t conv_width = 0;
  bool float32_state = true;

  [[nodiscard]] std::int64_t key_dim() const { return key_heads * key_head_dim; }
  [[nodiscard]] std::int64_t value_dim() const { return value_heads * value_head_dim; }
  friend bool operator==(const DeltaNetMixer&, const DeltaNetMixer&) = default;
};

/// Mamba-2: a state of fixed size instead of a cache.
struct MambaMixer {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t groups = 0;
  std::int64_t state_dim = 0;
  std::int64_t conv_width = 0;
  bool float32_state = true;

  [[nodiscard]] std::int64_t inner_dim() const { return heads * head_dim; }
  friend bool operator==(const MambaMixer&, const MambaMixer&) = default;
};

/// monostate: the layer has no mixer.
using Mixer = std::variant<std::monostate, HeadAttention, LatentMixer, DeltaNetMixer, MambaMixer>;

struct DenseMlp {
  std::int64_t width = 0;
  bool gated = true;  ///< three matrices instead of two
  bool bias = false;
  friend bool operator==(const DenseMlp&, const DenseMlp&) = default;
};

/// Routed experts, and what every token passes beside them.
struct ExpertMlp {
  std::int64_t experts = 0;
  std::int64_t top_k = 0;
  std::int64_t width = 0;         ///< of one expert
  std::int64_t shared_width = 0;  ///< of all shared experts together; 0: none
  bool gated = true;
  bool bias = false;
  bool float32_router = false;  ///< the router's product runs in float32
  bool shared_gate = false;     ///< the shared expert's output is gated by the token
  friend bool operator==(const ExpertMlp&, const ExpertMlp&) = default;
};

/// monostate: the layer has no feed-forward.
using FeedForward = std::variant<std::monostate, DenseMlp, ExpertMlp>;

/// Storage of one layer's matrices. Routers, norms, embedding and head are in the base type.
struct LayerFormats {
  WeightFormat attention_in;
  WeightFormat attention_out;
  WeightFormat mlp;
  WeightFormat experts;
  WeightFormat shared;
  friend bool operator==(const LayerFormats&, const LayerFormats&) = default;
};

struct LayerKind {
  Mixer mixer{};
  FeedForward feed_forward{};
  LayerFormats formats{};
  std::int64_t norms = 2;  ///< of hidden size
  friend bool operator==(const LayerKind&, const LayerKind&) = default;
};

struct LayerGroup {
  LayerKind kind;
  std::int64_t count = 0;
};

struct ModelDescription {
  std::string name;
  std::string model_type;
  std::string_view family;  ///< the file that read it
  std::int64_t hidden = 0;
  std::int64_t vocab = 0;
  std::int64_t max_context = 0;
  bool tied_head = false;              ///< the output head is the embedding table
  WeightFormat base;                   ///< activations, embedding, head, routers, norms
  bool fp8_cache = false;              ///< keys and values in 8 bits
  std::vector<LayerGroup> layers;      ///< kinds in order of first appearance
  std::int64_t prediction_layers = 0;  ///< that guess further tokens; not run unless asked for
  LayerKind prediction_kind;

  [[nodiscard]] std::int64_t num_layers() const;
  /// Any layer chooses among experts.
  [[nodiscard]] bool has_experts() const;
};

/// What the user asks for beside the checkpoint.
struct DescriptionOptions {
  std::string dtype = "auto";           ///< or float32, float16, bfloat16; "fp8": quantise on load
  std::string kv_cache_dtype = "auto";  ///< or "fp8"
};

/// "GQA", "GQA window 128", "MLA", ...: for people.
[[nodiscard]] std::string mixer_text(const Mixer& mixer);
/// "MLP 14336", "8 of 128 experts of 768 + shared 768", ...
[[nodiscard]] std::string feed_forward_text(const FeedForward& feed_forward);

}  // namespace lockstep
