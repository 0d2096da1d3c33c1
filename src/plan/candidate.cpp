#include "plan/candidate.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostShapes = 100'000;

Json instance_json(const PlanSpec& spec, const Shape& shape) {
  const PlanHardware& hardware = spec.hardware[shape.hardware];
  Json instance = {{"model_name", spec.model},    {"hardware", hardware.name},
                   {"npu_mem", hardware.npu_mem}, {"num_npus", shape.tp * shape.pp},
                   {"tp_size", shape.tp},         {"pp_size", shape.pp},
                   {"pd_type", nullptr}};
  const std::int64_t ep = shape.ep.value_or(shape.tp * shape.dp);
  if (ep > 1) {
    instance["ep_size"] = ep;
  }
  if (shape.max_num_seqs) {
    instance["max_num_seqs"] = *shape.max_num_seqs;
  }
  if (shape.max_num_batched_tokens) {
    instance["max_num_batched_tokens"] = *shape.max_num_batched_tokens;
  }
  if (shape.chunked_prefill) {
    instance["enable_chunked_prefill"] = *shape.chunked_prefill;
  }
  if (!shape.kv_cache_dtype.empty()) {
    instance["kv_cache_dtype"] = shape.kv_cache_dtype;
  }
  return instance;
}

/// Puts instances into nodes of so many GPUs.
class Racks {
public:
  Racks(std::int64_t gpus_per_node, const Json& cpu_mem)
      : room_(gpus_per_node), cpu_mem_(cpu_mem) {}

  void add(Json instance, std::int64_t gpus) {
    if (nodes_.empty() || (used_ > 0 && used_ + gpus > room_)) {
      nodes_.push_back({{"num_instances", 0}, {"cpu_mem", cpu_mem_}, {"instances", Json::array()}});
      used_ = 0;
    }
    used_ += gpus;
    Json& instances = nodes_.back()["instances"];
    instances.push_back(std::move(instance));
    nodes_.back()["num_instances"] = instances.size();
  }
  [[nodiscard]] const Json& nodes() const { return nodes_; }

private:
  std::int64_t room_;
  std::int64_t used_ = 0;
  const Json& cpu_mem_;
  Json nodes_ = Json::array();
};

}  // namespace

std::int64_t Shape::gpus() const {
  return tp * pp * dp * (pd.any() ? pd.prefill + pd.decode : 1);
}

std::string Shape::text(const PlanSpec& spec) const {
  std::string text = fmt::format("{} tp{}", spec.hardware[hardware].name, tp);
  const auto add = [&](bool shown, const std::string& part) {
    text += shown ? " " + part : std::string();
  };
  add(pp > 1, fmt::format("pp{}", pp));
  add(dp > 1, fmt::format("dp{}", dp));
  add(ep.value_or(tp * dp) > 1, fmt::format("ep{}", ep.value_or(tp * dp)));
  add(pd.any(), fmt::format("pd{}:{}", pd.prefill, pd.decode));
  add(max_num_seqs.has_value(), fmt::format("seqs{}", max_num_seqs.value_or(0)));
  add(max_num_batched_tokens.has_value(),
      fmt::format("tokens{}", max_num_batched_tokens.value_or(0)));
  add(chunked_prefill.has_value(), chunked_prefill.value_or(true) ? "chunked" : "whole-prefill");
  add(!kv_cache_dtype.empty(), fmt::format("kv-{}", kv_cache_dtype));
  return text;
}

double Candidate::cost(const PlanSpec& spec) const {
  return static_cast<double>(gpus()) * spec.hardware[shape.hardware].price;
}

std::string Candidate::text(const PlanSpec& spec) const {
  return fmt::format("{} x {}", instances, shape.text(spec));
}

std::vector<Shape> all_shapes(const PlanSpec& spec) {
  std::vector<Shape> shapes(1);
  // Each list multiplies what is there; the later ones vary faster.
  const auto expand = [&](const auto& values, auto set) {
    std::vector<Shape> more;
    for (const Shape& shape : shapes) {
      for (const auto& value : values) {
        set(more.emplace_back(shape), value);
      }
    }
    if (more.size() > kMostShapes) {
      throw UserError(fmt::format("the search has more than {} shapes", kMostShapes),
                      Where{{}, 0, "search"}, "give fewer values");
    }
    shapes = std::move(more);
  };
  std::vector<std::size_t> kinds;
  for (std::size_t i = 0; i < spec.hardware.size(); ++i) {
    kinds.push_back(i);
  }
  const PlanSpace& space = spec.space;
  expand(kinds, [](Shape& s, std::size_t v) { s.hardware = v; });
  expand(space.tp, [](Shape& s, std::int64_t v) { s.tp = v; });
  expand(space.pp, [](Shape& s, std::int64_t v) { s.pp = v; });
  expand(space.dp, [](Shape& s, std::int64_t v) { s.dp = v; });
  expand(space.ep, [](Shape& s, const auto& v) { s.ep = v; });
  expand(space.pd, [](Shape& s, const PdSplit& v) { s.pd = v; });
  expand(space.max_num_seqs, [](Shape& s, const auto& v) { s.max_num_seqs = v; });
  expand(space.max_num_batched_tokens,
         [](Shape& s, const auto& v) { s.max_num_batched_tokens = v; });
  expand(space.chunked_prefill, [](Shape& s, const auto& v) { s.chunked_prefill = v; });
  expand(space.kv_cache_dtype, [](Shape& s, const std::string& v) { s.kv_cache_dtype = v; });
  return shapes;
}

JsonDocument cluster_of(const PlanSpec& spec, const Candidate& candidate) {
  const Shape& shape = candidate.shape;
  const PlanHardware& hardware = spec.hardware[shape.hardware];
  Racks racks(hardware.gpus_per_node, hardware.cpu_mem);
  const Json instance = instance_json(spec, shape);
  const std::int64_t gpus = shape.tp * shape.pp;
  const auto add = [&](const char* pd_type, std::int64_t count, std::int64_t group) {
    for (std::int64_t i = 0; i < count * shape.dp; ++i) {
      Json own = instance;
      if (pd_type != nullptr) {
        own["pd_type"] = pd_type;
      }
      if (shape.dp > 1) {
        own["dp_group"] = fmt::format("g{}.{}", group, i / shape.dp);
      }
      racks.add(std::move(own), gpus);
    }
  };
  for (std::int64_t unit = 0; unit < candidate.instances; ++unit) {
    if (shape.pd.any()) {
      add("prefill", shape.pd.prefill, 2 * unit);
      add("decode", shape.pd.decode, 2 * unit + 1);
    } else {
      add(nullptr, 1, unit);
    }
  }
  JsonDocument document;
  document.file = candidate.text(spec);
  document.root = {{"num_nodes", racks.nodes().size()},
                   {"link_bw", hardware.link_bw},
                   {"link_latency", hardware.link_latency},
                   {"nodes", racks.nodes()}};
  return document;
}

}  // namespace lockstep
