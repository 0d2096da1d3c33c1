// The files that a run leaves: the result file and its provenance, run file, report, trace.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/run_flags.hpp"
#include "report/output_file.hpp"
#include "report/provenance.hpp"
#include "report/row_spill.hpp"
#include "report/run_record.hpp"

namespace lockstep {

class RunOutputs {
public:
  /// Checks the places, before the run; `id` stands for {run_id} in them. Throws UserError.
  RunOutputs(const ParsedFlags& flags, const std::string& id);

  std::optional<OutputFile> csv, run_file, report, trace;

  /// Steps and series are recorded.
  [[nodiscard]] bool recorded() const { return run_file || report || json_; }
  /// Somebody is told what the results were made from.
  [[nodiscard]] bool any() const { return csv || trace || recorded(); }

  /// What follows goes beside the places of whole results.
  void become_partial();
  /// Writes the result file and, beside it, what it was made from; completes `provenance`.
  void commit_result(std::string_view bytes, Provenance& provenance) const;
  /// The same of rows that were written while the run went on; null: nobody wanted them.
  void commit_result(RowSpill* rows, Provenance& provenance) const;
  void commit_record(const RunRecord& record) const;

private:
  void commit_provenance(const Provenance& provenance) const;

  bool json_;
};

}  // namespace lockstep
