// Reads result files back.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>

#include "base/error.hpp"
#include "report/run_record_from.hpp"

namespace lockstep {
namespace {

constexpr std::string_view kColumns[] = {"instance id",   "request id", "model",    "input",
                                         "output",        "arrival",    "end_time", "latency",
                                         "queuing_delay", "TTFT",       "TPOT",     "ITL"};
enum Column : std::size_t {
  kInstance,
  kId,
  kModel,
  kInput,
  kOutput,
  kArrival,
  kEnd,
  kLatency,
  kQueue,
  kTtft,
  kTpot,
  kItl,
  kCount
};

class Reader {
public:
  Reader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  RunRecord read() {
    read_header();
    RunRecord record;
    record.title = std::filesystem::path(name_).stem().string();
    std::map<std::int32_t, std::string> models;
    while (next_line()) {
      record.requests.push_back(row());
      const RequestRecord& request = record.requests.back();
      models.emplace(request.instance, request.model);
      record.total_ns = std::max(record.total_ns, request.end);
      record.prompt_tokens += request.input;
    }
    for (const auto& [id, model] : models) {
      InstanceRecord instance;
      instance.id = id;
      instance.model = model;
      record.instances.push_back(std::move(instance));
    }
    return record;
  }

private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(what, {name_, line_, ""},
                    "give a result file as `lockstep run --output` writes it, or a run file of "
                    "`lockstep run --save-run`");
  }

  /// Splits the next line that is not blank.
  bool next_line() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++line_;
      if (line.ends_with('\r')) {
        line.remove_suffix(1);
      }
      if (!line.empty()) {
        split(line);
        return true;
      }
    }
    return false;
  }

  void split(std::string_view line) {
    fields_.assign(1, {});
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"') {
        const bool doubled = quoted && i + 1 < line.size() && line[i + 1] == '"';
        if (doubled) {
          fields_.back() += '"';
          ++i;
        } else {
          quoted = !quoted;
        }
      } else if (c == ',' && !quoted) {
        fields_.emplace_back();
      } else {
        fields_.back() += c;
      }
    }
    if (quoted) {
      refuse("a quoted field without its end");
    }
  }

  void read_header() {
    if (rest_.starts_with("\xEF\xBB\xBF")) {
      rest_.remove_prefix(3);
    }
    if (!next_line()) {
      refuse("an empty file");
    }
    width_ = fields_.size();
    for (std::size_t c = 0; c < kCount; ++c) {
      const auto found = std::find(fields_.begin(), fields_.end(), kColumns[c]);
      if (found == fields_.end()) {
        refuse(fmt::format("no column '{}'", kColumns[c]));
      }
      place_[c] = static_cast<std::size_t>(found - fields_.begin());
    }
  }

  [[nodiscard]] std::int64_t integer(std::string_view text, std::string_view column) const {
    std::int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
      refuse(fmt::format("'{}' in column '{}' is not a whole number", text, column));
    }
    return value;
  }
  [[nodiscard]] std::int64_t integer(Column column) const {
    return integer(fields_[place_[column]], kColumns[column]);
  }

  [[nodiscard]] std::vector<std::int64_t> gaps() const {
    std::string_view text = fields_[place_[kItl]];
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
      refuse("column 'ITL' is not a list in brackets");
    }
    text = text.substr(1, text.size() - 2);
    std::vector<std::int64_t> values;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(','), text.size());
      values.push_back(integer(text.substr(0, end), "ITL"));
      text.remove_prefix(std::min(end + 1, text.size()));
      while (text.starts_with(' ')) {
        text.remove_prefix(1);
      }
    }
    return values;
  }

  RequestRecord row() const {
    if (fields_.size() != width_) {
      refuse(fmt::format("{} fields where the header has {}", fields_.size(), width_));
    }
    RequestRecord request;
    request.instance = static_cast<std::int32_t>(integer(kInstance));
    request.id = integer(kId);
    request.model = fields_[place_[kModel]];
    request.input = integer(kInput);
    request.output = integer(kOutput);
    request.arrival = integer(kArrival);
    request.end = integer(kEnd);
    request.latency = integer(kLatency);
    request.queue = integer(kQueue);
    request.ttft = integer(kTtft);
    request.tpot = integer(kTpot);
    request.itl = gaps();
    return request;
  }

  std::string_view rest_;
  const std::string& name_;
  std::int64_t line_ = 0;
  std::size_t width_ = 0;
  std::array<std::size_t, kCount> place_{};
  std::vector<std::string> fields_;
};

}  // namespace

RunRecord record_from_csv_text(std::string_view text, const std::string& name) {
  return Reader(text, name).read();
}

RunRecord record_from_csv(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) {
    throw UserError("cannot read the file", {file.string(), 0, ""}, "check the path");
  }
  return record_from_csv_text(text, file.string());
}

}  // namespace lockstep
