#include "sweep/shared_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/read_log.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kKeptWorkloads = 16;

std::string lengths_text(const LengthDistribution& lengths) {
  struct Text {
    std::string operator()(const FixedLength& l) const { return fmt::format("{}", l.tokens); }
    std::string operator()(const UniformLength& l) const {
      return fmt::format("uniform:{}:{}", l.least, l.most);
    }
    std::string operator()(const LogNormalLength& l) const {
      return fmt::format("lognormal:{}:{}:{}:{}", l.mu, l.sigma, l.least, l.most);
    }
    std::string operator()(const QuantileLength& l) const {
      std::string text = "quantiles";
      for (const auto& point : l.points) {
        text += fmt::format(":{}@{}", point.tokens, point.probability);
      }
      return text;
    }
  };
  return std::visit(Text{}, lengths);
}

}  // namespace

std::string recipe_text(const WorkloadRecipe& recipe) {
  const std::string rate = recipe.rate ? fmt::format("{}", *recipe.rate) : "as is";
  const std::string scaling =
      fmt::format("rate {} scale {} ids {}", rate, recipe.rate_scale, recipe.with_token_ids);
  if (!recipe.file.empty()) {
    return fmt::format("file {} lines {} {}", recipe.file, recipe.max_lines, scaling);
  }
  const FlatOptions& g = recipe.generator;
  const ArrivalOptions& a = g.arrivals;
  return fmt::format(
      "generated {} kind {} rate {} first {} shape {} pulse {} {} {} period {} swing {} in {} out "
      "{} "
      "seed {} ids {} vocab {} reuse {} {}",
      g.num_requests, static_cast<int>(a.kind), a.rate, a.first.count(), a.shape, a.pulse_size,
      a.pulse_delay.count(), a.pulse_poisson, a.period.count(), a.swing, lengths_text(g.input),
      lengths_text(g.output), g.seed, g.with_token_ids, g.vocabulary, g.reuse, scaling);
}

std::shared_ptr<const JsonDocument> SharedInputs::cluster(const std::string& file) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const JsonDocument>& slot = clusters_[file];
  if (!slot) {
    ReadLog::note(file, "cluster");
    slot = std::make_shared<const JsonDocument>(JsonDocument::read(file));
  }
  return slot;
}

std::shared_ptr<SharedInputs::WorkloadSlot> SharedInputs::slot_for(const std::string& key) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<WorkloadSlot>& slot = workloads_[key];
  if (!slot) {
    slot = std::make_shared<WorkloadSlot>();
  }
  slot->last_use = ++uses_;
  const std::shared_ptr<WorkloadSlot> wanted = slot;
  if (workloads_.size() > kKeptWorkloads) {
    const auto oldest = std::min_element(
        workloads_.begin(), workloads_.end(),
        [](const auto& a, const auto& b) { return a.second->last_use < b.second->last_use; });
    workloads_.erase(oldest);
  }
  return wanted;
}

std::shared_ptr<const Workload> SharedInputs::workload(const WorkloadRecipe& recipe) {
  const std::shared_ptr<WorkloadSlot> slot = slot_for(recipe_text(recipe));
  const std::lock_guard lock(slot->mutex);
  if (!slot->workload) {
    slot->workload = std::make_shared<const Workload>(make_workload(recipe));
  }
  return slot->workload;
}

}  // namespace lockstep
