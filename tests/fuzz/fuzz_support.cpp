#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "base/error.hpp"
#include "endpoint/api_error.hpp"
#include "fuzz_target.hpp"

namespace lockstep::fuzz {
namespace {

namespace fs = std::filesystem;

/// Of this process, in memory where the machine has such a place; removed at its end.
class Folder {
public:
  Folder() {
    std::error_code ignored;
    const fs::path memory = "/dev/shm";
    const fs::path root = fs::is_directory(memory, ignored) ? memory : fs::temp_directory_path();
    path_ = root / ("lockstep_fuzz_" + std::to_string(getpid()));
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

void expect_help(bool helps) {
  if (!helps) {
    throw std::runtime_error("a refusal that does not help");
  }
}

}  // namespace

void expect_answer(void (*reads)(std::string_view), std::string_view bytes) {
  try {
    reads(bytes);
  } catch (const UserError& error) {
    const Where& where = error.where();
    expect_help(!error.problem().empty());
    expect_help(!error.mend().empty() || !where.file.empty() || !where.path.empty());
  } catch (const ApiError& error) {
    expect_help(error.what()[0] != '\0' && error.status() >= 400);
  }
}

std::filesystem::path file_of(std::string_view bytes, std::string_view name) {
  static const Folder folder;
  const fs::path file = folder.path() / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return file;
}

std::size_t take_choice(std::string_view& bytes, std::size_t choices) {
  if (bytes.empty()) {
    return 0;
  }
  const auto first = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  return first % choices;
}

}  // namespace lockstep::fuzz
