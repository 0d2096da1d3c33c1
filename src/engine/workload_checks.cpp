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

/// Tokens that some instance can hold, of a prompt and in all. The last token of a request is never
/// computed, so its KV needs one slot less than its length.
struct Room {
  std::int64_t prompt = 0;
  std::int64_t total = 0;
};

Room room_of(const Cluster& cluster, const std::vector<NpuKvLayout>& capacity) {
  Room room;
  for (const Instance& instance : cluster.instances) {
    const std::int64_t slots = capacity[static_cast<std::size_t>(instance.id)].tokens();
    if (instance.pd != PdType::decode) {
      room.prompt = std::max(room.prompt, slots);
    }
    if (instance.pd != PdType::prefill) {
      // A step also holds the tokens that it verifies, and those proposed next.
      const std::int64_t drafts = 2 * instance.features.speculation.tokens;
      room.total = std::max(room.total, slots - drafts);
    }
  }
  return room;
}

void check_request(const WorkloadRequest& request, const Room& room, const RunOptions& options) {
  check_times_fit(request, options);
  const std::int64_t total = request.input_toks + std::max<std::int64_t>(request.output_toks, 1);
  if (request.input_toks > room.prompt || total - 1 > room.total) {
    throw UserError(
        fmt::format("request {} needs KV memory for {} tokens, and no instance can hold more "
                    "than {}",
                    request.id, total - 1, std::min(room.prompt, room.total)),
        {options.dataset.value_or(""), 0, "input_toks"},
        "shorten the request, raise npu_mem.mem_size or mem_util, or split the model over more "
        "NPUs");
  }
}

}  // namespace

void check_requests(const Workload& workload, const Cluster& cluster,
                    const std::vector<NpuKvLayout>& capacity, const RunOptions& options) {
  const Room room = room_of(cluster, capacity);
  for (const WorkloadRequest& request : workload.requests) {
    check_adapter(request, workload, cluster, options);
    check_request(request, room, options);
  }
}

/// The survey says whether one is at fault; which one, only another look.
void check_requests(const StreamedWorkload& workload, const Cluster& cluster,
                    const std::vector<NpuKvLayout>& capacity, const RunOptions& options) {
  const Room room = room_of(cluster, capacity);
  const WorkloadSurvey& survey = workload.survey;
  const bool times_fit =
      survey.last_arrival <= kLongestTime && survey.first_arrival >= Nanos{-kLongestTime.count()};
  if (times_fit && survey.longest_input <= room.prompt && survey.longest_total - 1 <= room.total) {
    return;
  }
  WorkloadRequest first;  // by id: streams come in order of arrival
  bool found = false;
  const auto source = workload.open();
  for (WorkloadRequest request; source->next(request);) {
    try {
      check_request(request, room, options);
    } catch (const UserError&) {
      first = found && first.id < request.id ? first : request;
      found = true;
    }
  }
  check_request(first, room, options);
}

std::optional<std::string> late_beginning(const Workload& workload, const RunOptions& options) {
  Nanos first = Nanos::max();
  for (const WorkloadRequest& request : workload.requests) {
    first = request.session_call > 0 ? first : std::min(first, request.arrival);
  }
  return workload.requests.empty() ? std::nullopt : late_beginning(first, options);
}

std::optional<std::string> late_beginning(Nanos first, const RunOptions& options) {
  constexpr double kManyIntervals = 1e6;
  const double seconds = static_cast<double>(first.count()) / 1e9;
  if (seconds < kManyIntervals * options.log_interval) {
    return std::nullopt;
  }
  return fmt::format(
      "the first request arrives {:.0f} s after the start of the simulation, and nothing happens "
      "until then: are its arrivals times since 1970?",
      seconds);
}

}  // namespace lockstep
