#include "base/atomic_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {
constexpr std::size_t kBlock = std::size_t{1} << 20;
}

AtomicFile::AtomicFile(std::filesystem::path file) : file_(std::move(file)) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_symlink(file_, error) && fs::is_regular_file(file_, error)) {
    file_ = fs::canonical(file_, error);  // replace what the link means, not the link
  }
  if (file_.empty() || fs::is_directory(file_, error)) {
    fail("the output is a folder, not a file");
  }
  temporary_ = file_;
  if (!fs::exists(file_, error) || fs::is_regular_file(file_, error)) {
    if (file_.has_parent_path()) {
      fs::create_directories(file_.parent_path(), error);  // a failure shows at opening
    }
    temporary_ += fmt::format(".{}.part", ::getpid());
  }
  errno = 0;
  stream_.open(temporary_, std::ios::binary | std::ios::trunc);
  if (!stream_) {
    fail(fmt::format("the output file cannot be written ({})", std::strerror(errno)));
  }
}

AtomicFile::~AtomicFile() {
  if (!done_ && temporary_ != file_) {
    stream_.close();
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }
}

void AtomicFile::write(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= kBlock) {
    flush();
  }
}

void AtomicFile::flush() {
  errno = 0;
  stream_.write(pending_.data(), static_cast<std::streamsize>(pending_.size()));
  pending_.clear();
  check_written();
}

void AtomicFile::check_written() const {
  if (!stream_) {
    fail(fmt::format("writing the output file failed{}",
                     errno == 0 ? "" : fmt::format(" ({})", std::strerror(errno))));
  }
}

void AtomicFile::move_to(std::filesystem::path file) {
  if (temporary_ != file_) {
    file_ = std::move(file);
  }
}

void AtomicFile::commit() {
  flush();
  stream_.close();
  check_written();
  if (temporary_ != file_) {
    std::error_code error;
    std::filesystem::rename(temporary_, file_, error);
    if (error) {
      fail(fmt::format("the output file cannot be put in its place ({})", error.message()));
    }
  }
  done_ = true;
}

void AtomicFile::fail(std::string_view problem) const {
  throw UserError(std::string(problem), Where{file_.string(), 0, {}},
                  "name a file in a folder that you may write to, on a disk with room");
}

}  // namespace lockstep
