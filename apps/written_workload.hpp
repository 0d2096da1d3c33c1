// What a `lockstep workload` command has written, and its last line.
#pragma once

#include <cstdint>
#include <string>

#include "workload/workload.hpp"

namespace lockstep {

/// So far.
struct Written {
  std::int64_t sessions = 0;
  std::int64_t calls = 0;
  std::int64_t input_toks = 0;
  std::int64_t output_toks = 0;

  void add(const WorkloadRequest& call) {
    ++calls;
    input_toks += call.input_toks;
    output_toks += call.output_toks;
  }
};

/// Prints the line, and writes beside the file what it was made from; `seed` of its random draws.
void report(const Written& written, const std::string& output, std::uint32_t seed);

}  // namespace lockstep
