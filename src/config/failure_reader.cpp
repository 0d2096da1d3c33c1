#include "config/failure_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/seconds.hpp"

namespace lockstep {
namespace {

InstanceFailure read_failure(const JsonView& view) {
  view.object();
  InstanceFailure failure;
  failure.at = seconds_of(view.require("at", "failure"));
  if (const auto down = view.find("down_for")) {
    failure.down_for = seconds_of(*down);
  }
  if (const auto detected = view.find("detected_after")) {
    failure.detected_after = seconds_of(*detected);
  }
  return failure;
}

void check_supported(const JsonView& list, const RunOptions& options, const Instance& instance) {
  if (options.fidelity == Fidelity::reference) {
    list.fail("the reference knows no failures", "use --fidelity vllm, or remove the key");
  }
  if (instance.dp_group) {
    list.fail(fmt::format("instance {} is a member of a data-parallel group, which waits for all "
                          "its members",
                          instance.id),
              "let instances without dp_group fail");
  }
  if (instance.pd != PdType::none) {
    list.fail(fmt::format("instance {} is one of a prefill/decode pair; failures of those are not "
                          "modelled",
                          instance.id),
              "let instances without pd_type fail");
  }
}

}  // namespace

void read_failures(const JsonView& view, const RunOptions& options, Instance& instance) {
  const auto list = view.find("failures");
  if (!list || list->array().size() == 0) {
    return;
  }
  check_supported(*list, options, instance);
  for (std::size_t i = 0; i < list->size(); ++i) {
    instance.failures.push_back(read_failure(list->item(i)));
  }
  std::ranges::stable_sort(instance.failures, {}, &InstanceFailure::at);
  for (std::size_t i = 1; i < instance.failures.size(); ++i) {
    const InstanceFailure& before = instance.failures[i - 1];
    if (!before.down_for || before.at + *before.down_for > instance.failures[i].at) {
      list->fail(fmt::format("instance {} fails at {} s while it is down since {} s", instance.id,
                             static_cast<double>(instance.failures[i].at.count()) / 1e9,
                             static_cast<double>(before.at.count()) / 1e9),
                 "let it be up again before it fails anew: down_for, in seconds");
    }
  }
}

}  // namespace lockstep
