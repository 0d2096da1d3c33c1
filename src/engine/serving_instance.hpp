// One serving replica while it runs: its scheduler, its trace builder, the programs of its batches.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "config/cluster.hpp"
#include "energy/power_model.hpp"
#include "engine/host_launches.hpp"
#include "engine/learnt_steps.hpp"
#include "engine/program.hpp"
#include "engine/run_result.hpp"
#include "iteration/graph_builder.hpp"
#include "iteration/trace_builder.hpp"
#include "perf/kernel_times.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {

class ServingInstance {
public:
  ServingInstance(const Cluster& cluster, const Instance& instance, const FidelityPolicy& policy,
                  KVCacheManager kv, std::shared_ptr<const KernelTimes> times,
                  TraceSettings settings, RunObserver& observer);

  void fold(Folding folding) { graph_context_.folding = folding; }

  [[nodiscard]] const Instance& config() const { return instance_; }
  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }
  [[nodiscard]] const Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] const TraceBuilder& traces() const { return traces_; }
  [[nodiscard]] const GraphContext& graph_context() const { return graph_context_; }
  [[nodiscard]] bool is_start(std::int32_t npu) const { return npu == instance_.first_npu; }

  /// Whether nothing but its kernels and collectives decides how long a step of decodes that begins
  /// at `now` takes.
  [[nodiscard]] bool plain_decodes(const Batch& batch, Nanos now) const;
  /// The same of a batch without requests.
  [[nodiscard]] bool plain_dummy(const Batch& batch, Nanos now) const {
    return batch.dummy && host_is_out(batch, now) && batch.load == Bytes{0};
  }
  /// Watches the batch whose program was made last, if it is one of decodes.
  void learn_from(const Batch& batch, Nanos begin);
  [[nodiscard]] LearntSteps& learnt() { return learnt_; }
  void count_lookups(const StepForm& form, TimeSource attention) {
    traces_.count(form.lookups, attention, form.attention_rows);
  }

  /// Makes the program of a batch that begins at `now` and keeps it until the batch is done.
  /// `power` may be null.
  const Program& generate(const Batch& batch, std::int64_t wave_len, Nanos now, PowerModel* power);
  /// The same for a step of a form that is known: every NPU is busy for as long as it takes.
  const Program& known_program(const Batch& batch, const StepForm& form);
  /// The program of a batch in flight; null before generate().
  [[nodiscard]] const Program* program(std::int64_t batch_id) const;
  void drop_program(std::int64_t batch_id);
  /// All of them: their batches will not be done.
  void lose_programs();
  [[nodiscard]] std::shared_ptr<const NpuGraph> graph(const Program& program,
                                                      std::int32_t npu) const;

  /// Programs of finished waves that no NPU of this member has fetched yet, oldest first.
  std::vector<std::int64_t> ready_waves;
  bool idle = false;                      ///< the start NPU was seen without work
  Nanos last_end;                         ///< when it became idle (energy)
  Nanos last_calc;                        ///< until when standby energy is booked
  std::vector<std::int32_t> exited_npus;  ///< polled NPUs that have seen the end
  bool done = false;

private:
  void build_trace(const Batch& batch, std::int64_t wave_len, Nanos now, PowerModel* power);
  /// Nobody waits for the host's launches.
  [[nodiscard]] bool host_is_out(const Batch& batch, Nanos now) const;
  /// A program that has been run, for a step of the same key.
  const Program& take_again(std::list<Program>::iterator known, const Batch& batch,
                            const BatchShape& shape);
  /// Of a described model.
  void wait_for_host(const Batch& batch, Nanos now);
  /// Of the trace of the batch that is being made; a negative time shortens it.
  void lengthen(Nanos extra, PowerModel* power);

  const Instance& instance_;
  Scheduler scheduler_;
  TraceBuilder traces_;
  RunObserver& observer_;
  HostLaunches host_;
  LearntSteps learnt_;
  GraphContext graph_context_;
  bool steps_repeat_;
  bool engine_decides_ = false;  ///< how long the step made last takes
  GraphBuilder graphs_;
  IterationTrace trace_;  ///< reused buffer
  std::list<Program> programs_;
  std::list<Program> spare_;        ///< of batches that are done; taken again, or overwritten
  std::list<Program> spare_known_;  ///< the same of those that known_program() has made
};

}  // namespace lockstep
