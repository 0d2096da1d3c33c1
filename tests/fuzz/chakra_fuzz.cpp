// A graph file; what is read can be written and read again.
#include "iteration/chakra.hpp"

#include "base/error.hpp"
#include "fuzz_target.hpp"

namespace {

void read_chakra_bytes(std::string_view bytes) {
  using namespace lockstep;
  const std::size_t form = fuzz::take_choice(bytes, 2);
  const NpuGraph graph = read_chakra(bytes, 0, "llm.0.et",
                                     form == 0 ? ChakraSchema::with_pim : ChakraSchema::upstream);
  const std::string written = write_chakra(graph);
  ensure(write_chakra(read_chakra(written, 0, "again.0.et")) == written,
         "a graph comes back as another");
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(chakra, read_chakra_bytes)
