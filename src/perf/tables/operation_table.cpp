#include "perf/tables/operation_table.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "base/read_log.hpp"
#include "perf/tables/table_format.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void damaged(const fs::path& file, const std::string& how) {
  throw UserError(fmt::format("this kernel-time table is damaged ({})", how),
                  Where{file.string(), 0, {}},
                  "remove it and import its source again: lockstep perf import");
}

/// A member of the file's description; `otherwise` where it is absent or of another type.
template <class Value>
Value described(const nlohmann::json& json, const char* key, Value otherwise) {
  const auto found = json.find(key);
  const bool fits =
      found != json.end() &&
      (std::is_same_v<Value, std::string> ? found->is_string() : found->is_number_integer());
  return fits ? found->template get<Value>() : otherwise;
}

std::optional<TableOrigin> origin_of(std::string_view text) {
  const auto json =
      json_is_deeper(text) ? nlohmann::json() : nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return std::nullopt;
  }
  const auto operation = measured_operation_from_name(described(json, "operation", std::string()));
  if (!operation) {
    return std::nullopt;
  }
  TableOrigin origin;
  origin.operation = *operation;
  origin.gpu = described(json, "gpu", std::string());
  origin.engine = described(json, "engine", std::string());
  origin.version = described(json, "version", std::string());
  origin.source = described(json, "source", std::string());
  origin.source_bytes = described(json, "source_bytes", std::int64_t{0});
  origin.source_time = described(json, "source_time", std::int64_t{0});
  origin.rows_left_out = described(json, "rows_left_out", std::int64_t{0});
  return origin;
}

/// Walks through the mapped bytes part by part.
class Parts {
public:
  Parts(const char* begin, std::size_t bytes) : at_(begin), left_(bytes) {}

  template <class Element>
  std::span<const Element> take(std::size_t count) {
    const std::size_t bytes = count * sizeof(Element);
    ensure(bytes <= left_, "the parts of a table fit its size");
    const void* here = at_;
    at_ += bytes;
    left_ -= bytes;
    return {static_cast<const Element*>(here), count};
  }

private:
  const char* at_;
  std::size_t left_;
};

std::uint64_t bytes_of(const TableHeader& header) {
  return sizeof(TableHeader) + header.description_bytes + header.points * 12 +
         (header.slices + 1) * 4 + header.slices * header.key_count * 4;
}

}  // namespace

std::optional<TableOrigin> OperationTable::peek(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, sizeof(TableHeader)> bytes{};
  TableHeader header;
  if (!in.read(bytes.data(), bytes.size())) {
    return std::nullopt;
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kTableMagic || header.description_bytes > 65536) {
    return std::nullopt;
  }
  std::string text(header.description_bytes, ' ');
  if (!in.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return std::nullopt;
  }
  auto origin = origin_of(text);
  if (origin && header.format != kTableFormat) {
    origin->source_time = -1;  // never equal to a file's: made anew
  }
  return origin;
}

OperationTable::OperationTable(const fs::path& file) {
  ReadLog::note(file, "kernel times");
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
    throw UserError("cannot read this kernel-time table", Where{file.string(), 0, {}},
                    "check that it exists and that you may read it");
  }
  bytes_ = static_cast<std::size_t>(status.st_size);
  mapped_ =
      bytes_ == 0 ? MAP_FAILED : ::mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (mapped_ == MAP_FAILED) {
    mapped_ = nullptr;
    damaged(file, "it cannot be mapped");
  }
  try {
    read_layout(file);
  } catch (...) {
    ::munmap(mapped_, bytes_);
    throw;
  }
}

OperationTable::~OperationTable() {
  ::munmap(mapped_, bytes_);
}

void OperationTable::read_layout(const fs::path& file) {
  TableHeader header;
  const char* begin = static_cast<const char*>(mapped_);
  if (bytes_ < sizeof header) {
    damaged(file, "it ends early");
  }
  std::memcpy(&header, begin, sizeof header);
  if (header.magic != kTableMagic) {
    damaged(file, "it does not begin as a table");
  }
  if (header.format != kTableFormat) {
    throw UserError(
        fmt::format("this kernel-time table has format {}, not {}", header.format, kTableFormat),
        Where{file.string(), 0, {}}, "import its source again: lockstep perf import");
  }
  constexpr std::uint64_t kMost = std::uint64_t{1} << 32;
  if (header.points >= kMost || header.slices >= kMost || header.key_count > 16 ||
      header.description_bytes > 65536 || header.description_bytes % 8 != 0 ||
      header.file_bytes != bytes_ || bytes_of(header) != bytes_) {
    damaged(file, "its size is not what it says");
  }
  if (XXH3_64bits(begin + sizeof header, bytes_ - sizeof header) != header.checksum) {
    damaged(file, "its checksum does not match");
  }
  Parts parts(begin + sizeof header, bytes_ - sizeof header);
  const auto text = parts.take<char>(header.description_bytes);
  axis_ = parts.take<std::int64_t>(header.points);
  begins_ = parts.take<std::uint32_t>(header.slices + 1);
  keys_ = parts.take<std::int32_t>(header.slices * header.key_count);
  micros_ = parts.take<float>(header.points);
  // Made so with intent, for the checksum fits: rows of a slice must be rows of the table.
  if (begins_.front() != 0 || begins_.back() != header.points ||
      std::ranges::adjacent_find(begins_, std::greater_equal()) != begins_.end()) {
    damaged(file, "its slices are no parts of its rows");
  }
  key_count_ = header.key_count;
  auto origin = origin_of({text.data(), text.size()});
  if (!origin || table_schema(origin->operation).slice.size() != key_count_) {
    damaged(file, "its description cannot be read");
  }
  origin_ = std::move(*origin);
}

std::optional<std::size_t> OperationTable::find(std::span<const std::int32_t> keys) const {
  std::size_t low = 0;
  std::size_t high = slice_count();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const auto here = this->keys(middle);
    const auto order =
        std::lexicographical_compare_three_way(here.begin(), here.end(), keys.begin(), keys.end());
    if (order == 0) {
      return middle;
    }
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  return std::nullopt;
}

std::vector<std::int32_t> OperationTable::distinct(std::size_t key) const {
  std::vector<std::int32_t> values;
  for (std::size_t slice = 0; slice < slice_count(); ++slice) {
    values.push_back(keys(slice)[key]);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace lockstep
