#include "run_outputs.hpp"

#include "report/html_report.hpp"
#include "report/run_json.hpp"

namespace lockstep {

RunOutputs::RunOutputs(const ParsedFlags& flags, const std::string& id)
    : json_(flags.outputs.json) {
  const auto open = [&](const std::optional<std::string>& path, std::optional<OutputFile>& file) {
    if (path) {
      file.emplace(with_run_id(*path, id));
    }
  };
  open(flags.options.output, csv);
  open(flags.outputs.save_run, run_file);
  open(flags.outputs.report, report);
  open(flags.outputs.trace, trace);
}

void RunOutputs::become_partial() {
  for (auto* file : {&csv, &run_file, &report, &trace}) {
    if (*file) {
      (*file)->become_partial();
    }
  }
}

void RunOutputs::commit_result(std::string_view bytes, Provenance& provenance) const {
  provenance.result = {"", csv ? csv->path().string() : "", std::ssize(bytes), bytes_digest(bytes)};
  if (!csv) {
    return;
  }
  csv->commit(bytes);
  commit_provenance(provenance);
}

void RunOutputs::commit_result(RowSpill* rows, Provenance& provenance) const {
  if (rows == nullptr || !csv) {
    return;
  }
  rows->commit(csv->path());
  provenance.result = {"", csv->path().string(), rows->bytes(), rows->digest()};
  commit_provenance(provenance);
}

void RunOutputs::commit_provenance(const Provenance& provenance) const {
  if (csv->is_file()) {
    OutputFile(provenance_file(csv->path())).commit(provenance_text(provenance));
  }
}

void RunOutputs::commit_record(const RunRecord& record) const {
  if (run_file) {
    run_file->commit(run_file_text(record));
  }
  if (report) {
    report->commit(report_html(record));
  }
}

}  // namespace lockstep
