// Reads the text form of a trace back.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "iteration/trace.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kParsedFields = 11;
constexpr std::size_t kLargestMask = 32;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/// The words of one line.
void split_words(std::string_view line, std::vector<std::string_view>& words) {
  words.clear();
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t begin = i;
    while (i < line.size() && !is_blank(line[i])) {
      ++i;
    }
    if (i > begin) {
      words.push_back(line.substr(begin, i - begin));
    }
    i += i == begin ? 1 : 0;
  }
}

template <class Integer>
std::optional<Integer> to_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

class TraceParser {
public:
  TraceParser(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  ParsedTrace parse() {
    read_header();
    next_line("the row count");
    const auto count = words_.size() == 1 ? to_integer<std::int64_t>(words_[0]) : std::nullopt;
    if (!count) {
      fail("the second line is not the number of rows");
    }
    next_line("the column names");
    result_.trace.segments.resize(1);
    for (std::int64_t i = 0; i < *count; ++i) {
      next_line(fmt::format("row {} of {}", i + 1, *count));
      result_.trace.segments[0].rows.push_back(read_row());
    }
    if (rest_.find_first_not_of(" \t\r\n") != std::string_view::npos) {
      ++line_;
      fail(fmt::format("there is more text after the {} rows", *count));
    }
    return std::move(result_);
  }

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(what, Where{file_, line_, {}},
                    "give a trace as written with --no-cleanup-inputs");
  }

  void next_line(const std::string& what) {
    ++line_;
    if (rest_.empty()) {
      fail("the trace ends before " + what);
    }
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    split_words(rest_.substr(0, end), words_);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
  }

  void read_header() {
    next_line("its header");
    constexpr std::pair<std::string_view, ExecutionType> types[] = {
        {"COLOCATED", ExecutionType::colocated},
        {"PREFILL", ExecutionType::prefill},
        {"DECODE", ExecutionType::decode},
        {"EVENT", ExecutionType::event}};
    const auto* type = std::find_if(std::begin(types), std::end(types), [&](const auto& entry) {
      return !words_.empty() && words_[0] == entry.first;
    });
    if (type == std::end(types)) {
      fail("the header names none of COLOCATED, PREFILL, DECODE, EVENT");
    }
    result_.trace.type = type->second;
    for (std::size_t i = 1; i < words_.size(); i += 2) {
      const std::string_view value = i + 1 < words_.size() ? words_[i + 1] : std::string_view{};
      if (words_[i] == "model_parallel_NPU_group:") {
        result_.trace.pp_size = integer<std::int64_t>(value, "model_parallel_NPU_group");
      } else if (words_[i] == "pp_stage_boundaries:") {
        read_boundaries(value);
      } else {
        fail(fmt::format("unknown header entry '{}'", words_[i]));
      }
    }
  }

  void read_boundaries(std::string_view list) {
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(',', begin), list.size());
      result_.trace.stage_boundaries.push_back(
          integer<std::int64_t>(list.substr(begin, end - begin), "pp_stage_boundaries"));
      begin = end + 1;
    }
  }

  TraceRow read_row() {
    if (!words_.empty() && (words_[0] == "EXPERT" || words_[0] == "PIM")) {
      return read_marker();
    }
    if (words_.size() != kParsedFields) {
      fail(fmt::format("the row has {} fields instead of {}", words_.size(), kParsedFields));
    }
    TraceRow row;
    row.name = keep_name(words_[0]);
    row.kind = row.name == "kv_load"    ? RowKind::kv_load
               : row.name == "kv_evict" ? RowKind::kv_evict
                                        : RowKind::layer;
    row.comp_time = Nanos{integer<std::int64_t>(words_[1], "comp_time")};
    row.input_loc = location(words_[2]);
    row.input_size = Bytes{integer<std::int64_t>(words_[3], "input_size")};
    row.weight_loc = location(words_[4]);
    row.weight_size = Bytes{integer<std::int64_t>(words_[5], "weight_size")};
    row.output_loc = location(words_[6]);
    row.output_size = Bytes{integer<std::int64_t>(words_[7], "output_size")};
    read_comm(words_[8], words_[9], row);
    row.tag = tag(words_[10]);
    return row;
  }

  TraceRow read_marker() {
    TraceRow row;
    const bool expert = words_[0] == "EXPERT";
    if (words_.size() != (expert ? 4U : 2U)) {
      fail(fmt::format("a marker {} has {} words", words_[0], words_.size()));
    }
    if (words_[1] == "END") {
      row.kind = expert ? RowKind::expert_end : RowKind::pim_end;
    } else {
      row.kind = expert ? RowKind::expert : RowKind::pim;
      row.index = integer<std::int32_t>(words_[1], "marker index");
    }
    if (expert) {
      read_comm(words_[2], words_[3], row);
    }
    return row;
  }

  /// Drops the row number that every name but an event's carries.
  std::string_view keep_name(std::string_view text) {
    const std::size_t cut = text.rfind('_');
    const bool numbered = result_.trace.type != ExecutionType::event &&
                          cut != std::string_view::npos &&
                          to_integer<std::int64_t>(text.substr(cut + 1));
    const std::string_view name = numbered ? text.substr(0, cut) : text;
    const auto known = result_.names.find(name);
    return known != result_.names.end() ? *known : *result_.names.emplace(name).first;
  }

  void read_comm(std::string_view kind, std::string_view size, TraceRow& row) const {
    const std::size_t colon = kind.find(':');
    const auto known = collective_from_name(kind.substr(0, colon));
    if (!known) {
      fail(fmt::format("unknown collective '{}'", kind));
    }
    row.comm = *known;
    row.comm_mask = colon == std::string_view::npos ? DimMask{} : mask(kind.substr(colon + 1));
    row.comm_size = Bytes{integer<std::int64_t>(size, "comm_size")};
  }

  [[nodiscard]] DimMask mask(std::string_view text) const {
    std::vector<bool> dims;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool digit = i % 2 == 0;
      if (digit ? (text[i] != '0' && text[i] != '1') : text[i] != ',') {
        fail(fmt::format("'{}' is no list of network dimensions", text));
      }
      if (digit) {
        dims.push_back(text[i] == '1');
      }
    }
    if (text.size() % 2 == 0 || dims.size() > kLargestMask) {
      fail(fmt::format("'{}' is no list of network dimensions", text));
    }
    return DimMask::of(dims);
  }

  [[nodiscard]] MemoryLocation location(std::string_view text) const {
    constexpr std::pair<std::string_view, MemoryTier> tiers[] = {{"LOCAL", MemoryTier::local},
                                                                 {"REMOTE", MemoryTier::remote},
                                                                 {"CXL", MemoryTier::cxl},
                                                                 {"STORAGE", MemoryTier::storage}};
    const std::size_t colon = std::min(text.find(':'), text.size());
    for (const auto& [word, tier] : tiers) {
      if (text.substr(0, colon) != word) {
        continue;
      }
      MemoryLocation result{tier};
      if (colon < text.size()) {
        const std::string_view place = text.substr(colon + 1);
        const std::size_t dot = std::min(place.find('.'), place.size());
        result.device = integer<std::int32_t>(place.substr(0, dot), "memory device");
        if (dot < place.size()) {
          result.channel = integer<std::int32_t>(place.substr(dot + 1), "memory channel");
        }
      }
      return result;
    }
    fail(fmt::format("unknown memory location '{}'", text));
  }

  [[nodiscard]] BatchTag tag(std::string_view text) const {
    if (text == "NONE") {
      return BatchTag::none;
    }
    if (text == "BATCH_1") {
      return BatchTag::batch_1;
    }
    if (text != "BATCH_2") {
      fail(fmt::format("unknown batch tag '{}'", text));
    }
    return BatchTag::batch_2;
  }

  template <class Integer>
  [[nodiscard]] Integer integer(std::string_view text, const char* what) const {
    const auto value = to_integer<Integer>(text);
    if (!value) {
      fail(fmt::format("{} is '{}', not a whole number", what, text));
    }
    return *value;
  }

  std::string_view rest_;
  const std::string& file_;
  std::int64_t line_ = 0;
  std::vector<std::string_view> words_;
  ParsedTrace result_;
};

}  // namespace

ParsedTrace parse_trace(std::string_view text, const std::string& file_name) {
  return TraceParser(text, file_name).parse();
}

}  // namespace lockstep
