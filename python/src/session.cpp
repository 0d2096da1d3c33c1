#include "session.hpp"

#include <utility>
#include <variant>

#include "base/build_commit.hpp"
#include "base/error.hpp"
#include "base/run_seed.hpp"
#include "report/html_report.hpp"
#include "report/request_csv.hpp"
#include "report/run_id.hpp"
#include "report/run_json.hpp"
#include "report/run_record_from.hpp"

namespace lockstep::python {

ParsedFlags parse_flags(std::span<const std::string> args) {
  RunFlags flags = parse_run_flags(args, "lockstep.run");
  if (const auto* usage = std::get_if<UsageError>(&flags)) {
    // Behind the usage line: what is wrong, and perhaps a hint.
    const std::size_t start = usage->text.rfind(usage->message);
    std::string text = start == std::string::npos ? usage->message : usage->text.substr(start);
    while (!text.empty() && text.back() == '\n') {
      text.pop_back();
    }
    throw UserError(text, {}, "");
  }
  if (std::holds_alternative<HelpText>(flags)) {
    throw UserError("help is no setting of a run", {}, "call help(lockstep.run)");
  }
  ParsedFlags parsed = std::get<ParsedFlags>(std::move(flags));
  if (parsed.outputs.max_memory) {
    throw UserError("a budget would be one of the whole interpreter", {"", 0, "--max-memory"},
                    "set it with resource.setrlimit, or use `lockstep run`");
  }
  return parsed;
}

namespace {

/// Messages name these as the place of a mistake.
ParsedFlags with_names(ParsedFlags flags, const InlineInputs& inputs) {
  if (inputs.cluster) {
    flags.options.cluster_config = "cluster";
  }
  if (inputs.workload) {
    flags.options.dataset = "workload";
  }
  return flags;
}

/// The place of an output, checked before anything is read; none where none is asked for.
std::optional<OutputFile> opened(const std::optional<std::string>& path, const std::string& id) {
  return path ? std::optional<OutputFile>(with_run_id(*path, id)) : std::nullopt;
}

}  // namespace

Session::Session(ParsedFlags flags, const InlineInputs& inputs)
    : flags_(with_names(std::move(flags), inputs)),
      id_(run_id_of(flags_.options)),
      csv_(opened(flags_.options.output, id_)),
      run_file_(opened(flags_.outputs.save_run, id_)),
      report_(opened(flags_.outputs.report, id_)),
      trace_file_(opened(flags_.outputs.trace, id_)),
      setup_(load_run(flags_.options, inputs)),
      library_(setup_.perf),
      recorder_(setup_.cluster) {
  observers_.add(steps_);
  observers_.add(recorder_);
  if (trace_file_) {
    observers_.add(trace_.emplace(trace_file_->path(), setup_.cluster));
  }
  run_.emplace(flags_, setup_.cluster, setup_.workload ? &*setup_.workload : nullptr, library_,
               observers_);
  provenance_ = make_provenance();
  read_.reset();
}

/// Without a command: hooks may have decided, and texts may have stood for files.
Provenance Session::make_provenance() {
  Provenance provenance = provenance_here(*read_);
  provenance.version = LOCKSTEP_VERSION;
  provenance.commit = build_commit();
  provenance.fidelity = flags_.options.fidelity == Fidelity::reference ? "reference" : "vllm";
  provenance.seed = kRunSeed;
  provenance.kernel_time_sources = run_->simulation().kernel_time_sources();
  return provenance;
}

bool Session::advance() {
  if (broken_) {
    throw UserError("this simulation was ended by an error", {}, "make a new one");
  }
  if (over_) {
    return false;
  }
  broken_ = true;  // unless the engine returns
  over_ = !simulation().advance();
  broken_ = false;
  return !over_;
}

void Session::admit_by(std::unique_ptr<AdmissionPolicy> policy) {
  simulation().admit_by(policy.get());
  policy_ = std::move(policy);
}

RunRecord Session::record() {
  const auto& capacity = simulation().kv_capacity();
  RunRecord record = record_of(finished_->result, setup_.cluster, flags_.options, capacity);
  recorder_.finish(capacity, record);
  record.total_steps = finished_->result.steps;
  record.version = LOCKSTEP_VERSION;
  record.run_id = id_;
  record.warnings = warnings();
  record.provenance = provenance_;
  return record;
}

const Finished& Session::finish() {
  ensure(over_, "a result was asked for before the end of the run");
  if (!finished_) {
    finished_.emplace();
    finished_->result = simulation().finish();
    finished_->requests = request_columns(finished_->result, setup_.cluster);
    const std::string bytes = request_csv(finished_->result, setup_.cluster);
    provenance_.result = {"", csv_ ? csv_->path().string() : "", std::ssize(bytes),
                          bytes_digest(bytes)};
    const RunRecord whole = record();
    finished_->timeline = timeline_of(whole);
    finished_->summary = summary_text(whole);
    write_outputs(whole);
  }
  return *finished_;
}

void Session::write_outputs(const RunRecord& record) {
  if (csv_) {
    csv_->commit(csv());
    if (csv_->is_file()) {
      OutputFile(provenance_file(csv_->path())).commit(provenance_text(provenance_));
    }
  }
  if (trace_) {
    trace_->commit(provenance_);
  }
  if (run_file_) {
    run_file_->commit(run_file_text(record));
  }
  if (report_) {
    report_->commit(report_html(record));
  }
}

std::string Session::csv() {
  return request_csv(finish().result, setup_.cluster);
}

}  // namespace lockstep::python
