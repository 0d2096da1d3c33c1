// A step that decodes the same requests as the one before takes no memory. This program's own
// operator new counts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "engine/laws_fixture.hpp"

namespace {

std::size_t allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes);
}
void* operator new[](std::size_t bytes) {
  return counted(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace lockstep {
namespace {

/// Hears of every batch, so that no step is left out.
class StepWatch final : public RunObserver {
public:
  StepWatch() { counts_.reserve(10'000); }
  [[nodiscard]] bool wants_batches() const override { return true; }
  void on_batch(const Batch& batch) override {
    if (batch.num_prefill == 0 && counts_.size() < counts_.capacity()) {
      counts_.push_back(allocations);
    }
  }
  /// Between each two batches of decodes from the `first` to the `last` on: how many took memory.
  [[nodiscard]] std::int64_t taking(std::size_t first, std::size_t last) const {
    std::int64_t taking = 0;
    for (std::size_t i = first; i < last; ++i) {
      taking += counts_.at(i + 1) > counts_.at(i) ? 1 : 0;
    }
    return taking;
  }
  [[nodiscard]] std::size_t batches() const { return counts_.size(); }

private:
  std::vector<std::size_t> counts_;  ///< so far, at each batch
};

struct Form {
  const char* name;
  testing::ToyCluster toy;
};

std::vector<Form> forms() {
  testing::ToyCluster group(2, testing::replica_of("toy/moe", 1, 1, 2));
  group.replicas[0].group = group.replicas[1].group = "a";
  return {{"one", {1, testing::replica_of("toy/dense")}},
          {"tensor parallel", {1, testing::replica_of("toy/dense", 2)}},
          {"two", {2, testing::replica_of("toy/dense")}},
          {"experts", {1, testing::replica_of("toy/moe", 2, 1, 2)}},
          {"a group", group}};
}

/// A pool grows to all of its blocks, once; some requests go before, so that it has.
testing::Calls calls_of(std::int64_t tokens) {
  testing::Calls calls;
  for (int i = 0; i < 10; ++i) {
    calls.add(0, 64, tokens);
  }
  for (int i = 0; i < 8; ++i) {
    calls.add(200'000'000'000, 8 + 10 * i, tokens);
  }
  return calls;
}

TEST(SteadyStep, TakesNoMemory) {
  constexpr std::int64_t kTokens = 400;
  for (const Form& form : forms()) {
    for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
      for (const bool fold : {true, false}) {
        const testing::Calls calls = calls_of(kTokens);
        RunOptions options = testing::round_robin();
        options.fidelity = fidelity;
        options.fold_layers = fold;
        options.log_interval = 1000;  // a heartbeat takes some
        options.num_gpu_blocks_override = form.toy.replicas.size() == 1 ? 300 : 150;
        const Cluster cluster =
            parse_cluster(form.toy.json(), "toy.json", options, testing::ToyModels::paths());
        KernelTimeLibrary library(PerfSources{});
        StepWatch watch;
        Simulation simulation(cluster, options, &calls.workload(), library, watch);
        (void)simulation.run();
        const std::size_t last = watch.batches() - kTokens / 4;
        ASSERT_GE(watch.batches(), 2 * kTokens - 2) << form.name;
        EXPECT_EQ(watch.taking(last - kTokens / 2, last), 0)
            << form.name << (fidelity == Fidelity::vllm ? ", vllm" : ", reference")
            << (fold ? "" : ", every layer");
      }
    }
  }
}

}  // namespace
}  // namespace lockstep
