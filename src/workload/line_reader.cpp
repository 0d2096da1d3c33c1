#include "workload/line_reader.hpp"

#include <fmt/format.h>

#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/read_log.hpp"

namespace lockstep {

LineReader::LineReader(std::filesystem::path file, std::size_t longest_line)
    : file_(std::move(file)), longest_line_(longest_line) {
  const Where where{file_.string(), 0, {}};
  std::error_code ignored;
  if (!std::filesystem::exists(file_, ignored)) {
    throw UserError("the workload file does not exist", where,
                    "check the path; `lockstep workload --help` lists the generators that can "
                    "write one");
  }
  if (std::filesystem::is_directory(file_, ignored)) {
    throw UserError("the workload is a folder, not a file", where,
                    "name a file with one JSON object per line");
  }
  ReadLog::note(file_, "workload");
  stream_.rdbuf()->pubsetbuf(nullptr, 0);  // blocks go straight into buffer_
  stream_.open(file_, std::ios::binary);
  if (!stream_) {
    throw UserError("the workload file cannot be opened", where, "check its permissions");
  }
  buffer_.resize(kBlock + kPadding);
}

bool LineReader::fill() {
  if (!stream_) {
    return false;
  }
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ > longest_line_) {
    throw UserError(fmt::format("this line is longer than {} bytes", longest_line_),
                    Where{file_.string(), line_number_ + 1, {}},
                    "a workload has one JSON object per line; check that this is one");
  }
  if (end_ + kPadding == buffer_.size()) {
    buffer_.resize(2 * end_ + kPadding);
  }
  const std::size_t room = buffer_.size() - kPadding - end_;
  stream_.read(buffer_.data() + end_, static_cast<std::streamsize>(room));
  if (stream_.bad()) {
    throw UserError("the workload file cannot be read", Where{file_.string(), line_number_ + 1, {}},
                    "check the disk and the permissions");
  }
  const auto got = static_cast<std::size_t>(stream_.gcount());
  end_ += got;
  std::memset(buffer_.data() + end_, 0, kPadding);  // no digits of older lines behind the last one
  return got > 0;
}

std::optional<std::string_view> LineReader::next() {
  std::size_t searched = 0;
  while (true) {
    const char* start = buffer_.data() + begin_;
    const std::size_t available = end_ - begin_;
    const void* found =
        available == searched ? nullptr : std::memchr(start + searched, '\n', available - searched);
    if (found != nullptr) {
      const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - start);
      begin_ += length + 1;
      ++line_number_;
      return std::string_view{start, length};
    }
    searched = available;
    if (!fill()) {
      break;
    }
  }
  if (begin_ == end_) {
    return std::nullopt;
  }
  const std::string_view last{buffer_.data() + begin_, end_ - begin_};
  begin_ = end_;
  ++line_number_;
  return last;
}

}  // namespace lockstep
