// Rows of a bundle as the cache keeps them: the bytes as they are, or as rows with a checksum that
// fits, as somebody would make them with intent.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz_target.hpp"
#include "perf/attention_table.hpp"
#include "perf/row_file.hpp"

namespace {

void read_row_bytes(std::string_view bytes) {
  using namespace lockstep;
  RowSource source;
  std::string file(bytes.substr(std::min<std::size_t>(bytes.size(), 1)));
  if (fuzz::take_choice(bytes, 2) == 0) {
    RowFileHeader header;
    if (file.size() >= sizeof header) {
      std::memcpy(&header, file.data(), sizeof header);
      source = header.source;
    }
  } else {
    std::vector<NumberRow> rows(file.size() / sizeof(NumberRow));
    if (!rows.empty()) {
      std::memcpy(rows.data(), file.data(), rows.size() * sizeof(NumberRow));
    }
    file = encode_rows(source, rows);
  }
  if (const auto rows = decode_rows(file, source)) {
    static_cast<void>(AttentionTable::of_rows(*rows).at({100, 1000, 8, 4096}));
  }
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(row_file, read_row_bytes)
