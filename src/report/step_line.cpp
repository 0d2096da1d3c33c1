#include "report/step_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace lockstep {
namespace {

/// "520", "1.4k".
std::string rate_text(std::int64_t tokens, Nanos elapsed) {
  if (elapsed.count() <= 0) {
    return "0";
  }
  const double rate = static_cast<double>(tokens) * 1e9 / static_cast<double>(elapsed.count());
  constexpr double kFirstThatRoundsToThousand = 999.5;
  return rate < kFirstThatRoundsToThousand ? fmt::format("{:.0f}", rate)
                                           : fmt::format("{:.1f}k", rate / 1000.0);
}

/// Whole numbers without a decimal: "512 KB", "1.5 MB".
std::string size_text(Bytes size) {
  const bool mega = size.count() >= kMiB;
  const double value = static_cast<double>(size.count()) / (mega ? 1048576.0 : 1024.0);
  const bool whole = value == std::floor(value);
  return fmt::format("{:.{}f} {}", value, whole ? 0 : 1, mega ? "MB" : "KB");
}

std::string_view exchange_name(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return "allreduce";
    case CollectiveKind::all_gather:
      return "allgather";
    case CollectiveKind::all_to_all:
      return "alltoall";
    case CollectiveKind::reduce_scatter:
      return "reducescatter";
    case CollectiveKind::none:
      break;
  }
  return {};
}

void add_exchange(std::string& line, const StepEvent& event) {
  const auto add = [&line](CollectiveKind kind, Bytes size) {
    if (kind != CollectiveKind::none) {
      fmt::format_to(std::back_inserter(line), " {}={}", exchange_name(kind), size_text(size));
    }
  };
  add(event.dispatch, event.dispatch_size);
  // Two all-to-alls of one size are one field: there and back.
  if (event.combine != event.dispatch || event.combine_size != event.dispatch_size) {
    add(event.combine, event.combine_size);
  }
}

std::int64_t instances_of_kind(const Cluster& cluster, PdType pd) {
  return std::count_if(cluster.instances.begin(), cluster.instances.end(),
                       [pd](const Instance& instance) { return instance.pd == pd; });
}

std::string batch_label(const StepEvent& event, const Cluster& cluster) {
  if (event.instances.size() == cluster.instances.size()) {
    return "batch";
  }
  if (event.instances.size() == 1) {
    const std::int32_t id = event.instances.front();
    const PdType pd = cluster.instances[static_cast<std::size_t>(id)].pd;
    if (pd != PdType::none) {
      const char letter = pd == PdType::prefill ? 'P' : 'D';
      return instances_of_kind(cluster, pd) == 1 ? std::string(1, letter)
                                                 : fmt::format("{}{}", letter, id);
    }
  }
  return fmt::format("inst{}_batch", fmt::join(event.instances, "+"));
}

std::string memory_text(const StepEvent& event) {
  std::string text;
  for (const Bytes used : event.npu_used) {
    fmt::format_to(std::back_inserter(text), "{}{:.1f} GB", text.empty() ? "" : ", ",
                   static_cast<double>(used.count()) / static_cast<double>(kGiB));
  }
  return event.npu_used.size() == 1 ? text : '[' + text + ']';
}

}  // namespace

std::string step_line(const StepEvent& event, const Cluster& cluster) {
  std::string line =
      fmt::format("[INFO] step={} {}={} prompt_t={} tok/s decode_t={} tok/s npu_mem={}", event.step,
                  batch_label(event, cluster), fmt::join(event.batch_sizes, "+"),
                  rate_text(event.prompt_tokens, event.elapsed),
                  rate_text(event.generated_tokens, event.elapsed), memory_text(event));
  add_exchange(line, event);
  line += '\n';
  return line;
}

}  // namespace lockstep
