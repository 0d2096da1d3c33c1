#include "sweep/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "sweep/mpi_ranks.hpp"
#include "sweep/progress.hpp"
#include "sweep/result_csv.hpp"
#include "sweep/sweep_runner.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

fs::path store_of(const SweepOptions& options) {
  const std::string base = sweep_output(options);
  return options.share.count == 1 ? fs::path(base + ".sqlite")
                                  : fs::path(fmt::format("{}.share-{}-of-{}.sqlite", base,
                                                         options.share.index, options.share.count));
}

void count_rows(const WorkList& work, ResultStore& store, SweepReport& report) {
  for (const std::int64_t config : work.configs()) {
    const auto outcome = store.find(work.key(config));
    report.missing += outcome ? 0 : 1;
    report.failed += outcome && !outcome->error.empty() ? 1 : 0;
  }
}

void write_csv(const SweepOptions& options, const WorkList& work, ResultStore& store,
               SweepReport& report) {
  report.csv = sweep_output(options) + ".csv";
  AtomicFile file(report.csv);
  file.write(result_csv(work, store));
  file.commit();
}

SweepReport manage(const SweepOptions& options, const WorkList& work, MpiRanks* ranks) {
  SweepReport report;
  report.store = store_of(options);
  ResultStore store(report.store,
                    options.restart ? ResultStore::Open::restart : ResultStore::Open::resume);
  const std::vector<std::int64_t> missing = work.missing(store, options.retry_failed);
  report.configs = std::ssize(work.configs());
  report.before = report.configs - std::ssize(missing);
  SweepProgress progress(options.progress, options.interactive, report.configs, report.before);
  const auto done = [&](const ResultRow& row) {
    const bool failed = !row.outcome.error.empty();
    store.add(row);
    progress.add(failed);
  };
  SharedInputs inputs;
  const RunnerOptions running{options.jobs > 0 ? options.jobs : default_workers(), options.stop};
  if (ranks != nullptr) {
    ranks->run(work, missing, inputs, running, done);
  } else {
    run_configs(work, missing, inputs, running, done);
  }
  progress.finish();
  store.commit();
  report.simulated = progress.state().done;
  count_rows(work, store, report);
  if (report.missing == 0 && options.share.count == 1) {
    write_csv(options, work, store, report);
  }
  return report;
}

SweepReport run_ranks(const SweepOptions& options, const WorkList& work) {
  MpiRanks ranks;
  try {
    if (ranks.rank() == 0) {
      return manage(options, work, &ranks);
    }
    SharedInputs inputs;
    ranks.serve(work, inputs);
    SweepReport report;
    report.manager = false;
    return report;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rank {}: error: {}\n", ranks.rank(), error.what());
    std::fflush(stderr);
    ranks.abort();
  }
}

/// NAME.share-I-of-N.sqlite beside the output, by name.
std::vector<fs::path> shares_beside(const SweepOptions& options) {
  const fs::path base = sweep_output(options);
  const std::string prefix = base.filename().string() + ".share-";
  std::vector<fs::path> files;
  std::error_code ignored;
  const fs::path folder = base.has_parent_path() ? base.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".sqlite")) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string sweep_output(const SweepOptions& options) {
  return options.output.empty() ? "outputs/" + options.spec.stem().string() : options.output;
}

SweepReport run_sweep(const SweepOptions& options) {
  const SweepSpec spec = SweepSpec::read(options.spec, options.strict);
  const WorkList work(spec, options.version, options.share);
  if (options.share.count == 1 && launched_ranks() > 1) {
    return run_ranks(options, work);
  }
  return manage(options, work, nullptr);
}

SweepReport merge_sweep(const SweepOptions& options, std::vector<fs::path> files, bool partial) {
  const SweepSpec spec = SweepSpec::read(options.spec, options.strict);
  const WorkList work(spec, options.version, {});
  if (files.empty()) {
    files = shares_beside(options);
  }
  if (files.empty()) {
    throw UserError("there are no shares to merge", {sweep_output(options) + ".share-*", 0, {}},
                    "run `lockstep sweep SPEC --share I/N` first, or name the files");
  }
  SweepReport report;
  report.store = store_of(options);
  ResultStore store(report.store, ResultStore::Open::resume);
  for (const fs::path& file : files) {
    ResultStore share(file, ResultStore::Open::read_only);
    static_cast<void>(store.merge(share));
  }
  report.configs = spec.size();
  count_rows(work, store, report);
  if (report.missing > 0 && !partial) {
    throw UserError(
        fmt::format("{} of {} configurations have no result yet", report.missing, report.configs),
        {report.store.string(), 0, {}},
        "run the shares that are not complete again, or merge with --partial");
  }
  write_csv(options, work, store, report);
  return report;
}

}  // namespace lockstep
