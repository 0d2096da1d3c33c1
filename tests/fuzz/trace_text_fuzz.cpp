// The text of a trace, and the graphs that it makes for one NPU and for four.
#include "fuzz_target.hpp"
#include "iteration/graph.hpp"
#include "iteration/trace.hpp"

namespace {

void read_trace_bytes(std::string_view bytes) {
  using namespace lockstep;
  const ParsedTrace parsed = parse_trace(bytes, "trace.txt");
  static_cast<void>(to_text(parsed.trace));
  for (const std::int64_t npus : {1, 4}) {
    GraphContext context;
    context.num_npus = npus;
    static_cast<void>(build_graphs(parsed.trace, context));
  }
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(trace_text, read_trace_bytes)
