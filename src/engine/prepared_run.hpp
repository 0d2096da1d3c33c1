// A run with everything checked, ready to go: what `run`, sweeps and plans share. It says nothing
// to anybody but its observer.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/run_flags.hpp"
#include "engine/simulation.hpp"

namespace lockstep {

class PreparedRun {
public:
  /// All references must outlive the run; `requests`: see Simulation. Throws UserError for
  /// what does not fit, has no kernel times, or, under --strict, would only be warned of.
  PreparedRun(const ParsedFlags& flags, const Cluster& cluster, RequestsOfRun requests,
              KernelTimeLibrary& kernel_times, RunObserver& observer);

  [[nodiscard]] Simulation& simulation() { return simulation_; }
  /// Flags that change nothing here; cluster and simulation have warnings of their own.
  [[nodiscard]] const std::vector<std::string>& ineffective() const { return ineffective_; }
  /// All warnings before the start.
  [[nodiscard]] std::vector<std::string> warnings() const;

private:
  const Cluster& cluster_;
  std::vector<std::string> ineffective_;
  Simulation simulation_;
};

}  // namespace lockstep
