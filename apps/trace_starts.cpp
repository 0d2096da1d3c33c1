#include "trace_starts.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "base/error.hpp"

namespace lockstep {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kHeader = "turn,offset_ns,npu";

/// The leading number of `text`, which loses it and the comma behind.
bool take_number(std::string_view& text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(',')) {
    text.remove_prefix(1);
  }
  return true;
}

NpuStart parse(std::string_view line, const NpuStart* before, const Where& where) {
  NpuStart start;
  std::int64_t offset = 0;
  std::int64_t npu = 0;
  std::string_view rest = line;
  const bool whole = take_number(rest, start.turn) && take_number(rest, offset) &&
                     take_number(rest, npu) && rest.empty() && npu <= INT32_MAX;
  start.offset = Nanos{offset};
  start.npu = static_cast<std::int32_t>(npu);
  const bool ordered =
      before == nullptr || (before->turn <= start.turn && before->offset <= start.offset);
  if (!whole || !ordered) {
    throw UserError(fmt::format("'{}' is no start of an NPU", line), where,
                    fmt::format("rows are {} (whole numbers, turns and times ascending); without "
                                "this file all NPUs but the last begin together",
                                kHeader));
  }
  return start;
}

}  // namespace

std::string starts_text(const std::vector<NpuStart>& starts) {
  std::string text = fmt::format("{}\n", kHeader);
  for (const NpuStart& start : starts) {
    text += fmt::format("{},{},{}\n", start.turn, start.offset.count(), start.npu);
  }
  return text;
}

fs::path starts_file(const fs::path& folder) {
  return folder / "starts.csv";
}

std::optional<std::vector<NpuStart>> read_starts(const fs::path& folder) {
  std::ifstream file(starts_file(folder));
  if (!file) {
    return std::nullopt;
  }
  std::vector<NpuStart> starts;
  std::string line;
  for (std::int64_t number = 1; std::getline(file, line); ++number) {
    if (number > 1) {
      starts.push_back(parse(line, starts.empty() ? nullptr : &starts.back(),
                             {starts_file(folder).string(), number, {}}));
    }
  }
  return starts;
}

}  // namespace lockstep
