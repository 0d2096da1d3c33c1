// The lines of a workload, one after the other.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "workload/line_reader.hpp"
#include "workload/request_source.hpp"
#include "workload/workload.hpp"
#include "workload/workload_line.hpp"

namespace lockstep {
namespace {

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// Lines of a text, as LineReader gives those of a file.
class TextLines {
public:
  explicit TextLines(std::string_view text) : text_(text), end_(text.size()) {
    text_.append(LineReader::kPadding, ' ');
  }
  std::optional<std::string_view> next() {
    if (begin_ >= end_) {
      return std::nullopt;
    }
    const std::size_t start = begin_;
    const std::size_t stop = std::min(text_.find('\n', start), end_);
    begin_ = stop + 1;
    ++line_number_;
    return std::string_view(text_).substr(start, stop - start);
  }
  [[nodiscard]] std::int64_t line_number() const { return line_number_; }

private:
  std::string text_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t line_number_ = 0;
};

/// The lines of a workload, checked and handed to the reader one by one.
template <class Lines>
class WorkloadLines {
public:
  WorkloadLines(Lines& lines, std::string name, const WorkloadReadOptions& options)
      : lines_(lines),
        name_(std::move(name)),
        max_lines_(options.max_lines),
        reader_(name_, options) {}

  /// False: there are no more, and one at least was read.
  bool read_next() {
    while (max_lines_ <= 0 || lines_.line_number() < max_lines_) {
      const auto line = lines_.next();
      if (!line) {
        break;
      }
      if (is_blank(*line)) {  // allowed behind the last request only
        first_blank_ = first_blank_ == 0 ? lines_.line_number() : first_blank_;
        continue;
      }
      if (first_blank_ != 0) {
        throw UserError("a blank line between requests", Where{name_, first_blank_, {}},
                        "delete the line");
      }
      reader_.read_line(*line, lines_.line_number());
      return true;
    }
    if (reader_.num_requests() == 0) {
      throw UserError("the workload holds no request", Where{name_, 0, {}},
                      "add one JSON object per line, or generate a workload with "
                      "`lockstep workload`");
    }
    return false;
  }
  [[nodiscard]] WorkloadReader& reader() { return reader_; }

private:
  Lines& lines_;
  std::string name_;
  std::int64_t max_lines_;
  WorkloadReader reader_;
  std::int64_t first_blank_ = 0;
};

template <class Lines>
Workload read_lines(Lines& lines, const std::string& name, const WorkloadReadOptions& options) {
  WorkloadLines<Lines> workload(lines, name, options);
  while (workload.read_next()) {
  }
  return workload.reader().take();
}

/// Line by line; a session's calls come together.
class RequestFile final : public RequestSource {
public:
  RequestFile(const std::filesystem::path& file, const WorkloadReadOptions& options)
      : lines_(file), workload_(lines_, file.string(), options) {}

  bool next(WorkloadRequest& request) override {
    while (given_ == read_.size()) {
      if (!workload_.read_next()) {
        return false;
      }
      workload_.reader().drain(read_);
      given_ = 0;
    }
    request = std::move(read_[given_++]);
    return true;
  }

private:
  LineReader lines_;
  WorkloadLines<LineReader> workload_;
  std::vector<WorkloadRequest> read_;
  std::size_t given_ = 0;
};

}  // namespace

Workload read_workload(const std::filesystem::path& file, const WorkloadReadOptions& options) {
  LineReader lines(file);
  return read_lines(lines, file.string(), options);
}

std::unique_ptr<RequestSource> open_workload(const std::filesystem::path& file,
                                             const WorkloadReadOptions& options) {
  return std::make_unique<RequestFile>(file, options);
}

Workload read_workload_text(std::string_view text, const std::string& name,
                            const WorkloadReadOptions& options) {
  TextLines lines(text);
  return read_lines(lines, name, options);
}

}  // namespace lockstep
