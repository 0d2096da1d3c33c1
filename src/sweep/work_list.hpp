// Which configurations of a sweep are still to be simulated, and in what order results are written.
// A share i of N takes every N-th configuration, so that shares are alike in cost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/config_keys.hpp"
#include "sweep/result_store.hpp"
#include "sweep/sweep_spec.hpp"

namespace lockstep {

struct Share {
  std::int64_t index = 1;  ///< 1..count
  std::int64_t count = 1;
  friend bool operator==(const Share&, const Share&) = default;
};
/// "2/8". Throws UserError naming `flag`.
[[nodiscard]] Share parse_share(std::string_view text, std::string_view flag);

class WorkList {
public:
  WorkList(const SweepSpec& spec, const std::string& version, Share share);

  [[nodiscard]] const SweepSpec& spec() const { return *spec_; }
  /// Configurations of this share, in order.
  [[nodiscard]] const std::vector<std::int64_t>& configs() const { return configs_; }
  [[nodiscard]] const std::string& key(std::int64_t config) const {
    return keys_[static_cast<std::size_t>(config)];
  }
  /// Those of the share that have no row yet (or, `retry`, a failed one); of equal ones the first.
  [[nodiscard]] std::vector<std::int64_t> missing(ResultStore& store, bool retry) const;

private:
  const SweepSpec* spec_;
  std::vector<std::string> keys_;  ///< of all configurations
  std::vector<std::int64_t> configs_;
};

/// The row of a configuration that was simulated.
[[nodiscard]] ResultRow make_row(const WorkList& work, std::int64_t config, Outcome outcome);

}  // namespace lockstep
