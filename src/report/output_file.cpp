#include "report/output_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/atomic_file.hpp"
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
      is_file_ = false;
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
  AtomicFile file(path_);
  file.write(bytes);
  file.commit();
}

void OutputFile::become_partial() {
  if (is_file_) {
    path_ = partial_path(path_);
  }
}

fs::path partial_path(const fs::path& path) {
  fs::path partial = path;
  partial.replace_filename(path.stem().string() + ".partial" + path.extension().string());
  return partial;
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
