// A cluster file, and what a run makes of it before its first event. Device attention is on where
// the file names a device.
#include "config/cluster.hpp"

#include "engine/simulation.hpp"
#include "engine/system_fixture.hpp"
#include "fuzz_target.hpp"

namespace {

void prepare_run(const lockstep::Cluster& cluster, const lockstep::RunOptions& options) {
  constexpr std::int64_t kMostNpus = 256;
  if (cluster.total_npus() > kMostNpus) {
    return;
  }
  lockstep::KernelTimeLibrary library(lockstep::PerfSources{});
  lockstep::RunObserver observer;
  const lockstep::Simulation simulation(cluster, options, nullptr, library, observer);
}

void read_cluster_bytes(std::string_view bytes) {
  lockstep::RunOptions options;
  options.enable_attn_offloading = bytes.find("pim_config") != std::string_view::npos;
  lockstep::SearchPaths paths = lockstep::testing::ToyModels::paths();
  paths.pim.emplace_back(LOCKSTEP_SOURCE_DIR "/configs/pim");
  prepare_run(lockstep::parse_cluster(bytes, "cluster.json", options, paths), options);
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(cluster, read_cluster_bytes)
