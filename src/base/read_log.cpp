#include "base/read_log.hpp"

#include <algorithm>
#include <mutex>

namespace lockstep {
namespace {
thread_local ReadLog* listening_log = nullptr;
std::mutex shared_log_mutex;
ReadLog* shared_log = nullptr;
}  // namespace

ReadLog::ReadLog(Threads threads) : threads_(threads) {
  if (threads_ == Threads::this_one) {
    outer_ = listening_log;
    listening_log = this;
  } else {
    const std::scoped_lock lock(shared_log_mutex);
    shared_log = this;
  }
}

ReadLog::~ReadLog() {
  if (threads_ == Threads::this_one) {
    listening_log = outer_;
  } else {
    const std::scoped_lock lock(shared_log_mutex);
    shared_log = nullptr;
  }
}

void ReadLog::note(const std::filesystem::path& file, std::string_view role) {
  if (listening_log != nullptr) {
    listening_log->add(file, role);
  }
  const std::scoped_lock lock(shared_log_mutex);
  if (shared_log != nullptr) {
    shared_log->add(file, role);
  }
}

std::vector<ReadLog::File> ReadLog::heard_by_all() {
  const std::scoped_lock lock(shared_log_mutex);
  return shared_log == nullptr ? std::vector<File>() : shared_log->files_;
}

void ReadLog::add(const std::filesystem::path& file, std::string_view role) {
  const bool known = std::any_of(files_.begin(), files_.end(),
                                 [&](const File& other) { return other.path == file; });
  if (known) {
    return;
  }
  // Which thread comes first is chance.
  const auto place = threads_ == Threads::this_one
                         ? files_.end()
                         : std::find_if(files_.begin(), files_.end(),
                                        [&](const File& other) { return file < other.path; });
  files_.insert(place, {file, std::string(role)});
}

}  // namespace lockstep
