#include "model/description/model_description.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {
namespace {

struct MixerText {
  std::string operator()(std::monostate /*none*/) const { return "no mixer"; }
  std::string operator()(const HeadAttention& a) const {
    std::string text =
        fmt::format("attention, {} heads, {} KV, of {}", a.heads, a.kv_heads, a.head_dim);
    if (a.window > 0) {
      text += fmt::format(", {} {}", a.chunked ? "chunk" : "window", a.window);
    }
    return text;
  }
  std::string operator()(const LatentMixer& a) const {
    std::string text =
        fmt::format("latent attention, {} heads, latent {} + {}", a.heads, a.kv_rank, a.rope_dim);
    if (a.index_top_k > 0) {
      text += fmt::format(", best {} tokens", a.index_top_k);
    }
    return text;
  }
  std::string operator()(const DeltaNetMixer& a) const {
    return fmt::format("gated delta net, {} key heads of {}, {} value heads of {}", a.key_heads,
                       a.key_head_dim, a.value_heads, a.value_head_dim);
  }
  std::string operator()(const MambaMixer& a) const {
    return fmt::format("Mamba-2, {} heads of {}, state {}", a.heads, a.head_dim, a.state_dim);
  }
};

struct FeedForwardText {
  std::string operator()(std::monostate /*none*/) const { return "no MLP"; }
  std::string operator()(const DenseMlp& mlp) const { return fmt::format("MLP {}", mlp.width); }
  std::string operator()(const ExpertMlp& mlp) const {
    std::string text = fmt::format("{} of {} experts of {}", mlp.top_k, mlp.experts, mlp.width);
    if (mlp.shared_width > 0) {
      text += fmt::format(" + shared {}", mlp.shared_width);
    }
    return text;
  }
};

}  // namespace

bool ModelDescription::has_experts() const {
  return std::ranges::any_of(layers, [](const LayerGroup& group) {
    return std::holds_alternative<ExpertMlp>(group.kind.feed_forward);
  });
}

std::int64_t ModelDescription::num_layers() const {
  std::int64_t count = 0;
  for (const LayerGroup& group : layers) {
    count += group.count;
  }
  return count;
}

std::string mixer_text(const Mixer& mixer) {
  return std::visit(MixerText{}, mixer);
}

std::string feed_forward_text(const FeedForward& feed_forward) {
  return std::visit(FeedForwardText{}, feed_forward);
}

}  // namespace lockstep
