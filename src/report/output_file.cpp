#include "report/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "base/error.hpp"

namespace lockstep {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMend = "give another --output path, or make this one writable";

[[noreturn]] void refuse(const fs::path& path, std::string_view why) {
  throw UserError(fmt::format("cannot write the output file: {}", why),
                  Where{path.string(), 0, "--output"}, kMend);
}

std::string error_text(int error) {
  return std::error_code(error, std::generic_category()).message();
}

/// Folder of `path`, or the nearest one above that exists.
fs::path nearest_folder(const fs::path& path) {
  fs::path folder = path.parent_path();
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

void check_writable(const fs::path& path, int mode) {
  if (access(path.c_str(), mode) != 0) {
    refuse(path, error_text(errno));
  }
}

/// An open descriptor, closed at the end of its scope at the latest.
class Descriptor {
public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  /// False with errno set when an open, write or close fails.
  [[nodiscard]] bool write_all(std::string_view bytes) const {
    while (number_ >= 0 && !bytes.empty()) {
      const ssize_t written = ::write(number_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) {
        return false;
      }
      bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    return number_ >= 0;
  }
  [[nodiscard]] bool close() {
    const int number = number_;
    number_ = -1;
    return ::close(number) == 0;
  }

private:
  int number_;
};

constexpr mode_t kFileMode = 0666;  // less what the umask takes away

/// Errors as errno values; 0: written.
int write_file(const fs::path& path, int flags, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, kFileMode));
  return file.write_all(bytes) && file.close() ? 0 : errno;
}

/// A name of its own for every writer: of this process and of others that run at the same time.
fs::path draft_beside(const fs::path& path) {
  static std::atomic<int> count{0};
  return path.parent_path() / fmt::format(".lockstep-{}-{}.part", getpid(), count++);
}

/// The path with links followed, so that a link keeps pointing to the file that is replaced.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  fs::path result = fs::absolute(path, error);
  if (!error) {
    result = fs::weakly_canonical(result, error);
  }
  if (error) {
    refuse(path, error.message());
  }
  return result;
}

}  // namespace

OutputFile::OutputFile(const fs::path& path) {
  if (path.empty() || !path.has_filename()) {
    refuse(path, "the path names no file");
  }
  path_ = resolved(path);
  std::error_code ignored;
  const fs::file_status status = fs::status(path_, ignored);
  if (fs::is_directory(status)) {
    refuse(path, "it is a folder");
  }
  if (fs::exists(status)) {
    check_writable(path_, W_OK);
    if (!fs::is_regular_file(status)) {
      return;
    }
  }
  const fs::path folder = nearest_folder(path_);
  if (!fs::is_directory(folder, ignored)) {
    refuse(path, fmt::format("{} is not a folder", folder.string()));
  }
  check_writable(folder, W_OK | X_OK);
}

void OutputFile::commit(std::string_view bytes) const {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    if (const int failed = write_file(path_, 0, bytes); failed != 0) {
      refuse(path_, error_text(failed));
    }
    return;
  }
  fs::create_directories(path_.parent_path(), error);
  if (error) {
    refuse(path_, error.message());
  }
  const fs::path draft = draft_beside(path_);
  if (const int failed = write_file(draft, O_CREAT | O_TRUNC, bytes); failed != 0) {
    fs::remove(draft, error);
    refuse(path_, error_text(failed));
  }
  fs::rename(draft, path_, error);
  if (error) {
    const std::string why = error.message();
    fs::remove(draft, error);
    refuse(path_, why);
  }
}

std::string with_run_id(std::string path, std::string_view run_id) {
  constexpr std::string_view kField = "{run_id}";
  for (std::size_t at = path.find(kField); at != std::string::npos;
       at = path.find(kField, at + run_id.size())) {
    path.replace(at, kField.size(), run_id);
  }
  return path;
}

}  // namespace lockstep
