// Time of a block of experts against tokens and the number of distinct experts they activate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "perf/curve_table.hpp"

namespace lockstep {

class MoeTable {
public:
  /// moe.csv: `tokens,activated_experts,time_us`. Throws UserError when it has no row.
  [[nodiscard]] static MoeTable read(const std::filesystem::path& file);

  /// Along the tokens of the two rows of experts around `experts`, then between the rows.
  [[nodiscard]] Estimate at(std::int64_t tokens, std::int64_t experts) const;

private:
  std::vector<std::int64_t> experts_;  ///< sorted, distinct, not empty
  std::vector<Curve> rows_;            ///< against tokens, one per value of `experts_`
};

}  // namespace lockstep
