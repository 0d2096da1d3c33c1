#include "workload/public_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/line_reader.hpp"

namespace lockstep {
namespace {

/// The fields of a CSV line; quotes around a field are taken off.
void split(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  std::size_t begin = 0;
  while (begin <= line.size()) {
    const bool quoted = begin < line.size() && line[begin] == '"';
    const std::size_t close = quoted ? line.find('"', begin + 1) : begin;
    const std::size_t end =
        std::min(line.find(',', close == std::string_view::npos ? begin : close), line.size());
    std::string_view field = line.substr(begin, end - begin);
    if (quoted && field.size() >= 2 && field.back() == '"') {
      field = field.substr(1, field.size() - 2);
    }
    fields.push_back(field);
    begin = end + 1;
  }
}

class TraceReader {
public:
  TraceReader(const std::filesystem::path& file, TraceForm form)
      : name_(file.string()), lines_(file), form_(form) {
    auto header = lines_.next();
    if (!header) {
      throw UserError("this file is empty", {name_, 0, {}}, "give the CSV as it is published");
    }
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (header->starts_with(kByteOrderMark)) {
      header->remove_prefix(kByteOrderMark.size());
    }
    split(*header, fields_);
    const std::vector<std::string_view> names = fields_;
    const bool azure = form == TraceForm::azure;
    time_ = column(names, azure ? "TIMESTAMP" : "Timestamp");
    input_ = column(names, azure ? "ContextTokens" : "Request tokens");
    output_ = column(names, azure ? "GeneratedTokens" : "Response tokens");
    if (!azure) {
      model_ = column(names, "Model");
      log_type_ = column(names, "Log Type");
    }
    width_ = names.size();
  }

  bool next() {
    for (auto line = lines_.next(); line; line = lines_.next()) {
      if (line->empty() || *line == "\r") {
        continue;
      }
      split(*line, fields_);
      if (fields_.size() != width_) {
        fail("", fmt::format("this row has {} fields, the header {}", fields_.size(), width_));
      }
      return true;
    }
    return false;
  }

  /// Since 1970 or, of BurstGPT, since whatever its seconds count from.
  [[nodiscard]] std::int64_t nanos() const {
    const std::string_view text = fields_[time_];
    if (form_ == TraceForm::azure) {
      const auto nanos = nanos_of_timestamp(text);
      if (!nanos) {
        fail("TIMESTAMP", fmt::format("'{}' is no timestamp", text));
      }
      return *nanos;
    }
    constexpr double kMost = 4e9;
    double seconds = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || stop != text.data() + text.size() || !(seconds >= 0) ||
        seconds > kMost) {
      fail("Timestamp", fmt::format("'{}' is no number of seconds", text));
    }
    return round_half_even(seconds * 1e9);
  }
  [[nodiscard]] std::int32_t input() const { return tokens(input_); }
  [[nodiscard]] std::int32_t output() const { return tokens(output_); }
  [[nodiscard]] bool wanted(const TraceSelection& selection) const {
    return form_ == TraceForm::azure ||
           ((selection.model.empty() || fields_[model_] == selection.model) &&
            (selection.log_type.empty() || fields_[log_type_] == selection.log_type));
  }

private:
  [[nodiscard]] std::size_t column(const std::vector<std::string_view>& names,
                                   std::string_view wanted) const {
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found == names.end()) {
      fail(wanted, fmt::format("there is no column '{}'", wanted));
    }
    return static_cast<std::size_t>(found - names.begin());
  }

  [[nodiscard]] std::int32_t tokens(std::size_t column) const {
    const std::string_view text = fields_[column];
    std::int32_t count = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{} || stop != text.data() + text.size() || count < 0) {
      fail("", fmt::format("'{}' is no number of tokens", text));
    }
    return count;
  }

  [[noreturn]] void fail(std::string_view column, const std::string& problem) const {
    throw UserError(problem, {name_, lines_.line_number(), std::string(column)},
                    "give the CSV as it is published; docs/workloads.md has its columns");
  }

  std::string name_;
  LineReader lines_;
  TraceForm form_;
  std::vector<std::string_view> fields_;
  std::size_t width_ = 0, time_ = 0, input_ = 0, output_ = 0, model_ = 0, log_type_ = 0;
};

/// Cuts the window out, lets it begin at zero.
void cut(std::vector<TraceRequest>& requests, const TraceSelection& selection) {
  const auto nanos = [](double seconds) {
    constexpr double kMost = 4e9;
    return Nanos{truncate(std::min(seconds, kMost) * 1e9)};
  };
  const Nanos first = requests.front().arrival;
  const Nanos from = first + nanos(selection.start_seconds);
  const Nanos to =
      selection.duration_seconds ? from + nanos(*selection.duration_seconds) : Nanos::max();
  std::erase_if(requests,
                [&](const TraceRequest& r) { return r.arrival < from || r.arrival >= to; });
  if (selection.max_requests > 0 && std::ssize(requests) > selection.max_requests) {
    requests.resize(static_cast<std::size_t>(selection.max_requests));
  }
  for (TraceRequest& request : requests) {
    request.arrival -= from;
  }
}

/// A failed request has no prompt or no answer.
void keep(TraceRequest request, PublicTrace& trace) {
  if (request.input_toks == 0 || request.output_toks == 0) {
    ++trace.without_tokens;
    return;
  }
  trace.requests.push_back(std::move(request));
}

PublicTrace read_csv(const std::filesystem::path& file, TraceForm form,
                     const TraceSelection& selection) {
  PublicTrace trace;
  TraceReader reader(file, form);
  while (reader.next()) {
    ++trace.rows;
    if (reader.wanted(selection)) {
      keep({Nanos{reader.nanos()}, reader.input(), reader.output(), {}}, trace);
    }
  }
  return trace;
}

PublicTrace read_mooncake(const std::filesystem::path& file) {
  PublicTrace trace;
  Workload workload = read_workload(file, {});
  for (WorkloadRequest& request : workload.requests) {
    ++trace.rows;
    if (request.session >= 0 || !request.input_ids.empty() || !request.output_ids.empty()) {
      throw UserError("this is no Mooncake trace: it has sessions or token ids",
                      {file.string(), 0, {}}, "give the JSON lines as they are published");
    }
    keep({request.arrival, request.input_toks, request.output_toks, std::move(request.prefix_ids)},
         trace);
  }
  return trace;
}

}  // namespace

PublicTrace read_public_trace(const std::filesystem::path& file, TraceForm form,
                              const TraceSelection& selection) {
  if (!(selection.start_seconds >= 0) ||
      (selection.duration_seconds && !(*selection.duration_seconds > 0))) {
    throw UserError("the window of the trace is empty", Where{{}, 0, "--start-sec"},
                    "give a start >= 0 and a duration > 0, in seconds");
  }
  PublicTrace trace =
      form == TraceForm::mooncake ? read_mooncake(file) : read_csv(file, form, selection);
  if (!trace.requests.empty()) {
    std::stable_sort(
        trace.requests.begin(), trace.requests.end(),
        [](const TraceRequest& a, const TraceRequest& b) { return a.arrival < b.arrival; });
    cut(trace.requests, selection);
  }
  if (trace.requests.empty()) {
    throw UserError("no request is left of this trace", {file.string(), 0, {}},
                    "look at the window, model and log type that were asked for");
  }
  return trace;
}

}  // namespace lockstep
