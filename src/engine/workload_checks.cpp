#include "engine/workload_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {
namespace {

constexpr Nanos kLongestTime{std::int64_t{1} << 61};

void check_times_fit(const WorkloadRequest& request, const RunOptions& options) {
  const auto check = [&](Nanos time, const char* field) {
    if (time > kLongestTime || time < Nanos{-kLongestTime.count()}) {
      throw UserError(fmt::format("request {}: {} is {} ns, more than 2^61 (73 years)", request.id,
                                  field, time.count()),
                      {options.dataset.value_or(""), 0, field}, "write nanoseconds");
    }
  };
  check(request.arrival, "arrival_time_ns");
  check(request.tool_duration, "tool_duration_ns");
}

void check_adapter(const WorkloadRequest& request, const Workload& workload, const Cluster& cluster,
                   const RunOptions& options) {
  const auto without = std::ranges::find_if(
      cluster.instances, [](const Instance& instance) { return !instance.features.lora.on(); });
  if (request.lora >= 0 && without != cluster.instances.end()) {
    throw UserError(
        fmt::format("request {} names the adapter '{}', and instance {} has none", request.id,
                    workload.loras.at(static_cast<std::size_t>(request.lora)), without->id),
        {options.dataset.value_or(""), 0, "lora"},
        "give --max-loras, or max_loras of every instance");
  }
}

}  // namespace

void check_requests(const Workload& workload, const Cluster& cluster,
                    const std::vector<NpuKvLayout>& capacity, const RunOptions& options) {
  // The last token of a request is never computed, so its KV needs one slot less than its length.
  const auto slots = [&](const Instance& instance) {
    return capacity[static_cast<std::size_t>(instance.id)].tokens();
  };
  std::int64_t prompt_room = 0;
  std::int64_t total_room = 0;
  for (const Instance& instance : cluster.instances) {
    if (instance.pd != PdType::decode) {
      prompt_room = std::max(prompt_room, slots(instance));
    }
    if (instance.pd != PdType::prefill) {
      // A step also holds the tokens that it verifies, and those proposed next.
      const std::int64_t drafts = 2 * instance.features.speculation.tokens;
      total_room = std::max(total_room, slots(instance) - drafts);
    }
  }
  for (const WorkloadRequest& request : workload.requests) {
    check_times_fit(request, options);
    check_adapter(request, workload, cluster, options);
    const std::int64_t total = request.input_toks + std::max<std::int64_t>(request.output_toks, 1);
    if (request.input_toks > prompt_room || total - 1 > total_room) {
      throw UserError(
          fmt::format("request {} needs KV memory for {} tokens, and no instance can hold more "
                      "than {}",
                      request.id, total - 1, std::min(prompt_room, total_room)),
          {options.dataset.value_or(""), 0, "input_toks"},
          "shorten the request, raise npu_mem.mem_size or mem_util, or split the model over more "
          "NPUs");
    }
  }
}

std::optional<std::string> late_beginning(const Workload& workload, const RunOptions& options) {
  constexpr double kManyIntervals = 1e6;
  Nanos first = Nanos::max();
  for (const WorkloadRequest& request : workload.requests) {
    first = request.session_call > 0 ? first : std::min(first, request.arrival);
  }
  const double seconds = static_cast<double>(first.count()) / 1e9;
  if (workload.requests.empty() || seconds < kManyIntervals * options.log_interval) {
    return std::nullopt;
  }
  return fmt::format(
      "the first request arrives {:.0f} s after the start of the simulation, and nothing happens "
      "until then: are its arrivals times since 1970?",
      seconds);
}

}  // namespace lockstep
