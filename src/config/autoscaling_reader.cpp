#include "config/autoscaling_reader.hpp"

#include <algorithm>

#include "config/seconds.hpp"

namespace lockstep {
namespace {

constexpr Nanos kInterval{15'000'000'000};         // --horizontal-pod-autoscaler-sync-period
constexpr Nanos kScaleDownDelay{300'000'000'000};  // behavior.scaleDown's window

void check_supported(const JsonView& view, const RunOptions& options, const Cluster& cluster) {
  if (options.fidelity == Fidelity::reference) {
    view.fail("the reference knows no autoscaling", "use --fidelity vllm, or remove the key");
  }
  const auto any = [&](const auto& test) { return std::ranges::any_of(cluster.instances, test); };
  if (any([](const Instance& i) { return i.dp_group || i.pd != PdType::none; })) {
    view.fail(
        "autoscaling is for instances that each serve alone: members of data-parallel groups and "
        "prefill or decode instances cannot be started one by one",
        "remove the key, or dp_group and pd_type");
  }
  if (any([](const Instance& i) { return !i.failures.empty(); })) {
    view.fail("autoscaling and failures of instances are not modelled together",
              "remove the one or the other");
  }
}

}  // namespace

void read_autoscaling(const JsonView& top, const RunOptions& options, Cluster& cluster) {
  const auto view = top.find("autoscaling");
  if (!view) {
    return;
  }
  view->object();
  check_supported(*view, options, cluster);
  const auto instances = static_cast<std::int64_t>(cluster.instances.size());
  Autoscaling scaling;
  const auto time = [&](std::string_view key, Nanos fallback) {
    const auto given = view->find(key);
    return given ? seconds_of(*given) : fallback;
  };
  scaling.min = view->require("min", "autoscaling").integer_between(1, instances);
  const auto max = view->find("max");
  scaling.max = max ? max->integer_between(scaling.min, instances) : instances;
  scaling.target = view->require("target_requests", "autoscaling").number_above(0);
  scaling.cold_start = seconds_of(view->require("cold_start_s", "autoscaling"));
  scaling.interval = time("interval_s", kInterval);
  if (scaling.interval <= Nanos{0}) {
    view->fail_at("interval_s", "the controller would look all the time",
                  "give seconds above 0, such as 15");
  }
  scaling.scale_down_delay = time("scale_down_delay_s", kScaleDownDelay);
  if (const auto tolerance = view->find("tolerance")) {
    scaling.tolerance = tolerance->number_at_least(0);
  }
  cluster.autoscaling = scaling;
}

}  // namespace lockstep
