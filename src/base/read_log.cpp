#include "base/read_log.hpp"

#include <algorithm>

namespace lockstep {
namespace {
thread_local ReadLog* listening_log = nullptr;
}

ReadLog::ReadLog() : outer_(listening_log) {
  listening_log = this;
}

ReadLog::~ReadLog() {
  listening_log = outer_;
}

void ReadLog::note(const std::filesystem::path& file, std::string_view role) {
  if (listening_log == nullptr) {
    return;
  }
  std::vector<File>& files = listening_log->files_;
  const bool known = std::any_of(files.begin(), files.end(),
                                 [&](const File& other) { return other.path == file; });
  if (!known) {
    files.push_back({file, std::string(role)});
  }
}

}  // namespace lockstep
