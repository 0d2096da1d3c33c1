// Rows into the bytes of a table's file.
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "perf/tables/operation_table.hpp"
#include "perf/tables/table_format.hpp"

namespace lockstep {
namespace {

bool same_place(const TableRow& a, const TableRow& b) {
  return a.keys == b.keys && a.axis == b.axis;
}

// Equal places measured more than once: their median (of an even number, the lower middle).
std::vector<TableRow> merged(std::vector<TableRow> rows) {
  std::sort(rows.begin(), rows.end(), [](const TableRow& a, const TableRow& b) {
    return std::tie(a.keys, a.axis, a.micros) < std::tie(b.keys, b.axis, b.micros);
  });
  std::vector<TableRow> result;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    while (end < rows.size() && same_place(rows[begin], rows[end])) {
      ++end;
    }
    result.push_back(std::move(rows[(begin + end - 1) / 2]));
    begin = end;
  }
  return result;
}

std::string description(const TableOrigin& origin) {
  nlohmann::json json = {{"gpu", origin.gpu},
                         {"engine", origin.engine},
                         {"version", origin.version},
                         {"operation", table_schema(origin.operation).name},
                         {"source", origin.source},
                         {"source_bytes", origin.source_bytes},
                         {"source_time", origin.source_time},
                         {"rows_left_out", origin.rows_left_out}};
  std::string text = json.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

template <class Element>
void append(std::string& bytes, const std::vector<Element>& part) {
  const std::size_t at = bytes.size();
  bytes.resize(at + part.size() * sizeof(Element));
  if (!part.empty()) {
    std::memcpy(bytes.data() + at, part.data(), part.size() * sizeof(Element));
  }
}

}  // namespace

std::string encode_table(const TableOrigin& origin, std::vector<TableRow> rows) {
  rows = merged(std::move(rows));
  const auto key_count = static_cast<std::ptrdiff_t>(table_schema(origin.operation).slice.size());
  std::vector<std::int64_t> axis;
  std::vector<std::uint32_t> begins;
  std::vector<std::int32_t> keys;
  std::vector<float> micros;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].keys != rows[i - 1].keys) {
      begins.push_back(static_cast<std::uint32_t>(i));
      keys.insert(keys.end(), rows[i].keys.begin(), rows[i].keys.begin() + key_count);
    }
    axis.push_back(rows[i].axis);
    micros.push_back(rows[i].micros);
  }
  TableHeader header;
  header.key_count = static_cast<std::uint32_t>(key_count);
  header.slices = begins.size();
  header.points = rows.size();
  begins.push_back(static_cast<std::uint32_t>(rows.size()));
  std::string body = description(origin);
  header.description_bytes = body.size();
  append(body, axis);
  append(body, begins);
  append(body, keys);
  append(body, micros);
  header.file_bytes = sizeof header + body.size();
  header.checksum = XXH3_64bits(body.data(), body.size());
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes + body;
}

}  // namespace lockstep
