// A processing-in-memory device: its INI file and what follows from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace lockstep {

struct PimDevice {
  std::string spec;  ///< file stem; picks the attention-latency coefficients
  double dimm_size_gb = 0;
  double channel_bandwidth = 0;  ///< GB/s
  double mem_bandwidth = 0;      ///< of the node, GB/s
  double mem_latency = 0;        ///< ns
  bool whole_latency = false;    ///< its factors are whole numbers: files show it without a point
  std::int64_t channels = 0;
  double idle_power = 0;    ///< W, 0 when the file gives none
  double active_power = 0;  ///< W, 0 when the file gives none

  /// ns (not yet truncated) of decode attention of one request of `length` tokens, split over
  /// `split` channels. Throws UserError for a spec without coefficients.
  [[nodiscard]] double attention_latency(std::int64_t num_heads, std::int64_t num_kv_heads,
                                         std::int64_t head_dim, std::int64_t length,
                                         std::int64_t split) const;
};

/// `mem_size_gb` is the node's cpu_mem.mem_size.
[[nodiscard]] PimDevice read_pim_device(const std::filesystem::path& file, double mem_size_gb);

}  // namespace lockstep
