// A table of measured operations; the first byte says of which, the second says in which layout.
#include "fuzz_target.hpp"
#include "perf/tables/table_store.hpp"

namespace {

void read_operation_bytes(std::string_view bytes) {
  using namespace lockstep;
  const auto operation = static_cast<MeasuredOperation>(
      fuzz::take_choice(bytes, static_cast<std::size_t>(kMeasuredOperationCount)));
  const bool packed = fuzz::take_choice(bytes, 4) == 3;
  TableSource source;
  source.file =
      fuzz::file_of(bytes, packed ? "gpu/vllm-0.19.0/table.csv.zst" : "gpu/vllm-0.19.0/table.csv");
  source.gpu = "gpu";
  source.engine = "vllm";
  source.version = "0.19.0";
  source.operation = operation;
  ReadTable table = read_table(source);
  static_cast<void>(encode_table(table.origin, std::move(table.rows)));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(operation_table, read_operation_bytes)
