// Which thread block begins when: a GPU runs so many at once, and each time one ends the next one
// begins.
//
// From one step to the next all sequences grow by a token, so that blocks end nearly in the order
// in which they ended before. That order is walked again, and where two have changed places it is
// mended: if the ends come out ascending, each was the least of those that ran.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "perf/block_ends.hpp"

namespace lockstep {

/// The result depends on the arguments only; what is remembered makes it faster. Not thread-safe.
class BlockSchedule {
public:
  /// One block a work.
  struct Works {
    std::span<const double> own;  ///< finite, not negative
    double each = 0;              ///< what every block has besides

    [[nodiscard]] double operator[](std::size_t index) const { return own[index] + each; }
  };

  /// Ends of all blocks, ascending: one a work in their order, and that `rounds` times over, of
  /// which `running` (1 or more) at most run at once. Valid until the next call.
  [[nodiscard]] std::span<const double> ends(const Works& works, std::size_t rounds,
                                             std::size_t running);

private:
  struct Form {
    std::size_t works = 0, rounds = 0, running = 0;
    friend bool operator==(const Form&, const Form&) = default;
  };

  [[nodiscard]] bool follow(const Works& works, std::size_t running);
  [[nodiscard]] std::size_t move_forward(std::size_t position, double end);
  void schedule(const Works& works, std::size_t blocks, std::size_t running);

  std::vector<std::int32_t> order_;  ///< blocks as they ended in the last call
  Form form_;                        ///< of the last call
  std::vector<double> ascending_;    ///< their ends
  std::vector<double> end_of_;       ///< by block
  BlockEnds queue_;
};

}  // namespace lockstep
