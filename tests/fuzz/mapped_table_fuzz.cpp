// A table's file as the store maps it. Size and checksum are made right, so that what lies behind
// them is reached.
#include <xxhash.h>

#include <cstring>
#include <string>

#include "fuzz_target.hpp"
#include "perf/tables/operation_table.hpp"
#include "perf/tables/table_format.hpp"

namespace {

void read_mapped_bytes(std::string_view bytes) {
  using namespace lockstep;
  std::string whole(bytes);
  TableHeader header;
  if (whole.size() >= sizeof header) {
    std::memcpy(&header, whole.data(), sizeof header);
    header.file_bytes = whole.size();
    header.checksum = XXH3_64bits(whole.data() + sizeof header, whole.size() - sizeof header);
    std::memcpy(whole.data(), &header, sizeof header);
  }
  const auto file = fuzz::file_of(whole, "gemm.table");
  static_cast<void>(OperationTable::peek(file));
  const OperationTable table(file);
  std::size_t points = 0;
  for (std::size_t i = 0; i < table.slice_count(); ++i) {
    points += table.curve(i).axis.size() + table.keys(i).size();
    static_cast<void>(table.find(table.keys(i)));
  }
  static_cast<void>(points);
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(mapped_table, read_mapped_bytes)
