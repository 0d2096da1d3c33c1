#include "config/feature_settings.hpp"

#include <fmt/format.h>

#include <string>

namespace lockstep {
namespace {

/// One of a few names.
template <class Value>
void read_name(const JsonView& view, std::string_view key, std::string_view names,
               std::optional<Value> (*from)(std::string_view), Value& value) {
  const auto own = view.find(key);
  if (!own) {
    return;
  }
  const std::string name = own->text();
  const auto known = from(name);
  if (!known) {
    own->fail(fmt::format("{} is '{}'", key, name), fmt::format("use {}", names));
  }
  value = *known;
}

}  // namespace

std::optional<QueuePolicy> queue_policy_from(std::string_view name) {
  if (name == "fcfs") {
    return QueuePolicy::fcfs;
  }
  return name == "priority" ? std::optional(QueuePolicy::priority) : std::nullopt;
}

std::optional<StepPolicy> step_policy_from(std::string_view name) {
  if (name == "mixed") {
    return StepPolicy::mixed;
  }
  if (name == "prefill-first") {
    return StepPolicy::prefill_first;
  }
  return name == "decode-first" ? std::optional(StepPolicy::decode_first) : std::nullopt;
}

void read_features(const JsonView& view, const RunOptions& options, Instance& instance) {
  instance.features = options.features;
  read_name(view, "scheduling_policy", "fcfs or priority", queue_policy_from,
            instance.features.queue_policy);
  read_name(view, "step_policy", "mixed, prefill-first or decode-first", step_policy_from,
            instance.features.step_policy);
}

}  // namespace lockstep
