// How long it takes to be told the time of an operation, and of a whole step: from the coefficients
// that ship, and from imported tables where the user's store has some of the GPU.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>

#include "model/description/read_description.hpp"
#include "perf/operations/operation_library.hpp"
#include "steps/step_model.hpp"

namespace lockstep {
namespace {

std::shared_ptr<const OperationTimes> times_of(bool tables) {
  return operation_times_for(
             {.gpu = "H100", .engine_version = "", .store = std::nullopt, .allow_tables = tables})
      .times;
}

/// Sizes differ from call to call, so that nothing can be remembered.
template <class Ask>
void each(benchmark::State& state, const Ask& ask) {
  const auto times = times_of(state.range(0) != 0);
  std::int64_t n = 0;
  for (auto _ : state) {
    n = (n + 37) % 4096;
    benchmark::DoNotOptimize(ask(*times, n + 1));
  }
}

void product(benchmark::State& state) {
  each(state, [](const OperationTimes& times, std::int64_t n) {
    return times.gemm({n, 6144, 4096, Precision::bfloat16});
  });
}

void prompt_attention(benchmark::State& state) {
  each(state, [](const OperationTimes& times, std::int64_t n) {
    return times.context_attention({{32, 8, 128, 0, false}, 1, n, 100});
  });
}

void decode_attention(benchmark::State& state) {
  each(state, [](const OperationTimes& times, std::int64_t n) {
    return times.generation_attention({{32, 8, 128, 0, false}, 64, n});
  });
}

void experts(benchmark::State& state) {
  each(state, [](const OperationTimes& times, std::int64_t n) {
    return times.experts({.tokens = n,
                          .hidden = 2880,
                          .intermediate = 2880,
                          .experts = 128,
                          .top_k = 4,
                          .precision = Precision::mxfp4});
  });
}

void all_reduce(benchmark::State& state) {
  each(state, [](const OperationTimes& times, std::int64_t n) {
    return times.collective(
        {CollectiveOp::vllm_all_reduce, static_cast<double>(n) * 8192, 2, true});
  });
}

/// A step of 64 decodes of gpt-oss-120b, whose contexts grow.
void step(benchmark::State& state) {
  StepModel model(find_description({std::filesystem::path(LOCKSTEP_SOURCE_DIR) / "configs/model"},
                                   "openai/gpt-oss-120b"),
                  ParallelSplit::of(2, 1, false), {default_graph_sizes(512)},
                  times_of(state.range(0) != 0));
  std::int64_t n = 0;
  for (auto _ : state) {
    n = (n + 37) % 4096;
    benchmark::DoNotOptimize(model.micros({{}, 64, 64 * (n + 1)}));
  }
}

// 0: coefficients, 1: tables where they are.
BENCHMARK(product)->Arg(0)->Arg(1);
BENCHMARK(prompt_attention)->Arg(0)->Arg(1);
BENCHMARK(decode_attention)->Arg(0)->Arg(1);
BENCHMARK(experts)->Arg(0)->Arg(1);
BENCHMARK(all_reduce)->Arg(0)->Arg(1);
BENCHMARK(step)->Arg(0)->Arg(1);

}  // namespace
}  // namespace lockstep
