#include "perf/row_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/read_log.hpp"
#include "perf/data_dirs.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// Of the rows, for each byte of their source.
constexpr std::uint64_t kMostRowBytes = 4;

std::int64_t nanos_of(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

std::optional<FileState> state_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return FileState{static_cast<std::uint64_t>(status.st_size), status.st_ino, status.st_dev,
                   nanos_of(status.st_mtim), nanos_of(status.st_ctim)};
}

XXH128_hash_t digest_of_path(const fs::path& file) {
  std::error_code failed;
  const std::string name = fs::absolute(file, failed).lexically_normal().string();
  return XXH3_128bits(name.data(), name.size());
}

/// Nothing: it cannot be read, is damaged, or was made from something else.
std::optional<RowList> map_kept(int descriptor, const RowSource& source) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes < sizeof(RowFileHeader) ||
      bytes > kMostRowBytes * source.state.bytes + sizeof(RowFileHeader)) {
    return std::nullopt;
  }
  void* mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
  if (mapped == MAP_FAILED) {
    return std::nullopt;
  }
  const auto rows = decode_rows({static_cast<const char*>(mapped), bytes}, source);
  RowList list(mapped, bytes, rows.value_or(std::span<const NumberRow>{}));
  return rows ? std::optional(std::move(list)) : std::nullopt;
}

std::optional<RowList> find_kept(const fs::path& file, const RowSource& source) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    return std::nullopt;
  }
  auto rows = map_kept(descriptor, source);
  ::close(descriptor);
  return rows;
}

void keep(const fs::path& file, const RowSource& source, std::span<const NumberRow> rows) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  std::error_code failed;
  if (fs::exists(file, failed) && !fs::is_regular_file(file, failed)) {
    return;
  }
  try {
    AtomicFile out(file);
    out.write(encode_rows(source, rows));
    out.commit();
  } catch (const UserError&) {  // no room, no right to write: the next run reads the source again
  }
}

}  // namespace

RowList::RowList(std::vector<NumberRow> rows) : own_(std::move(rows)), rows_(own_) {}

RowList::RowList(void* mapped, std::size_t bytes, std::span<const NumberRow> rows)
    : mapped_(mapped), bytes_(bytes), rows_(rows) {}

RowList::RowList(RowList&& other) noexcept
    : own_(std::move(other.own_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      bytes_(other.bytes_),
      rows_(std::exchange(other.rows_, {})) {}

RowList::~RowList() {
  if (mapped_ != nullptr) {
    ::munmap(mapped_, bytes_);
  }
}

RowCache::RowCache(std::optional<fs::path> folder, std::uint64_t least_bytes,
                   std::int64_t settled_after)
    : folder_(std::move(folder)), least_bytes_(least_bytes), settled_after_(settled_after) {}

const RowCache& RowCache::of_user() {
  static const RowCache cache = [] {
    const char* off = std::getenv("LOCKSTEP_NO_BUNDLE_CACHE");
    const auto folder = off != nullptr && *off != '\0' ? std::nullopt : user_cache_dir();
    return RowCache(folder ? std::optional(*folder / "bundle-rows") : std::nullopt);
  }();
  return cache;
}

bool RowCache::settled(const FileState& state) const {
  using std::chrono::system_clock;
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(system_clock::now().time_since_epoch())
          .count();
  return std::max(state.written, state.changed) < now - settled_after_;
}

fs::path RowCache::place(const fs::path& file, RowTable table) const {
  const XXH128_hash_t path = digest_of_path(file);
  return folder_.value_or("") / fmt::format("{:016x}{:016x}-{}.rows", path.high64, path.low64,
                                            static_cast<std::uint32_t>(table));
}

RowList RowCache::rows(const fs::path& file, RowTable table, std::uint64_t variant,
                       const Read& read) const {
  const auto state = folder_ ? state_of(file) : std::nullopt;
  if (!state || state->bytes < least_bytes_) {
    return RowList(read());
  }
  const XXH128_hash_t path = digest_of_path(file);
  const RowSource source{table, 0, variant, {path.low64, path.high64}, *state};
  const fs::path kept = place(file, table);
  if (auto found = find_kept(kept, source)) {
    ReadLog::note(file, "kernel times");
    return std::move(*found);
  }
  RowList list(read());
  if (settled(*state) && state_of(file) == state) {
    keep(kept, source, list.rows());
  }
  return list;
}

}  // namespace lockstep
