// One simulation as Python holds it: everything it reads, the engine, what listens to it, and at
// the end its result. Knows nothing of Python.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/read_log.hpp"
#include "columns.hpp"
#include "config/run_flags.hpp"
#include "engine/prepared_run.hpp"
#include "engine/run_setup.hpp"
#include "report/observer_fan.hpp"
#include "report/output_file.hpp"
#include "report/provenance.hpp"
#include "report/run_recorder.hpp"
#include "report/timeline.hpp"
#include "report/trace_writer.hpp"
#include "serving/admission_policy.hpp"

namespace lockstep::python {

/// Flags as `lockstep run` reads them. Throws UserError with its message and hint.
[[nodiscard]] ParsedFlags parse_flags(std::span<const std::string> args);

/// A finished run. The requests belong to the session that keeps it.
struct Finished {
  RunResult result;
  RequestColumns requests;
  Timeline timeline;
  std::string summary;  ///< JSON, as `lockstep run --json` prints it
};

/// Not movable: its parts point at each other. Used by one thread at a time.
class Session {
public:
  /// Reads, checks and prepares all of a run; the places of its output files too. Throws UserError.
  Session(ParsedFlags flags, const InlineInputs& inputs);

  /// Goes on to the next time at which something happens; false when all is done.
  bool advance();
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] Nanos now() { return simulation().now(); }

  /// The result, once the run is over; the first call writes the files that the flags ask for.
  const Finished& finish();
  /// The bytes of the result file.
  [[nodiscard]] std::string csv();

  /// Who routes; empty: the policy of the flags.
  void route_by(Router::Chooser chooser) { simulation().router().decide_by(std::move(chooser)); }
  /// Who admits, on all instances; null: the schedulers.
  void admit_by(std::unique_ptr<AdmissionPolicy> policy);

  [[nodiscard]] Simulation& simulation() { return run_->simulation(); }
  [[nodiscard]] const Cluster& cluster() const { return setup_.cluster; }
  [[nodiscard]] const StepColumns& steps() const { return steps_; }
  [[nodiscard]] const RunOptions& options() const { return flags_.options; }
  [[nodiscard]] bool quiet() const { return flags_.outputs.quiet; }
  [[nodiscard]] std::vector<std::string> warnings() const { return run_->warnings(); }

private:
  [[nodiscard]] Provenance make_provenance();
  void write_outputs(const RunRecord& record);
  [[nodiscard]] RunRecord record();

  ParsedFlags flags_;
  std::string id_;
  std::optional<OutputFile> csv_, run_file_, report_, trace_file_;
  std::optional<ReadLog> read_{std::in_place};  ///< only while the constructor runs
  RunSetup setup_;
  KernelTimeLibrary library_;
  StepColumns steps_;
  RunRecorder recorder_;
  std::optional<TraceWriter> trace_;
  ObserverFan observers_;
  std::unique_ptr<AdmissionPolicy> policy_;
  std::optional<PreparedRun> run_;
  Provenance provenance_;
  std::optional<Finished> finished_;
  bool over_ = false;
  bool broken_ = false;  ///< an exception came out of the engine
};

}  // namespace lockstep::python
