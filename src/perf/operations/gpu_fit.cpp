#include "perf/operations/gpu_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "perf/operations/operation_sizes.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kFewestRows = 20;

bool launch_time_inside(const CoefficientSet& set, const TableOrigin& origin) {
  return set.table == MeasuredOperation::gemm && set.precision == Precision::fp8_block &&
         compare_versions(origin.version, "0.24") >= 0;
}

struct Split {
  std::vector<OperationSample> seen;
  std::vector<OperationSample> unseen;
};

Split every_fifth(const std::vector<OperationSample>& steady,
                  const std::vector<OperationSample>& raw) {
  Split split;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i % 5 == 4) {
      split.unseen.push_back(raw[i]);
    } else {
      split.seen.push_back(steady[i]);
    }
  }
  return split;
}

// Products are asked to be nearer than the others.
FitEffort effort_for(const CoefficientSet& set, FitEffort effort) {
  constexpr double kOfProducts = 0.3;
  effort.worth *= set.table == MeasuredOperation::gemm ? kOfProducts : 1.0;
  return effort;
}

// Errors on groups (head sizes, models) that the fit did not see: every third group at a time.
FitError group_error(const CoefficientSet& set, const GpuLimits& limits,
                     const std::vector<OperationSample>& samples,
                     const OperationCoefficients& start, FitEffort effort) {
  std::set<std::int64_t> groups;
  for (const OperationSample& sample : samples) {
    groups.insert(sample.group);
  }
  if (groups.size() < 3) {
    return {};
  }
  effort.rounds = 1;  // three fits more: less is searched, as they start near the end
  effort.starts = 1;
  effort.finalists = 1;
  effort.search_samples = std::min<std::size_t>(effort.search_samples, 1000);
  effort.factor_samples = std::min<std::size_t>(effort.factor_samples, 8000);
  std::vector<double> errors;
  for (std::int64_t part = 0; part < 3; ++part) {
    std::set<std::int64_t> out;
    std::int64_t place = 0;
    for (const std::int64_t group : groups) {
      if (place++ % 3 == part) {
        out.insert(group);
      }
    }
    Split split;
    for (const OperationSample& sample : samples) {
      (out.contains(sample.group) ? split.unseen : split.seen).push_back(sample);
    }
    OperationCoefficients fresh = starting_coefficients(*set.model);
    fresh.values = start.values;  // only the search's first step; factors are fitted anew
    const auto fitted = fit_operation(*set.model, limits, split.seen, fresh, effort);
    for (const OperationSample& sample : split.unseen) {
      errors.push_back(model_micros(*set.model, limits, fitted, sample.sizes) / sample.micros -
                       1.0);
    }
  }
  return error_of(std::move(errors));
}

std::string percent(const FitError& error) {
  return fmt::format("{:.1f} / {:.1f} %", error.median * 100.0, error.p90 * 100.0);
}

}  // namespace

std::vector<ListedTable> tables_for(const std::vector<ListedTable>& tables, const std::string& gpu,
                                    const CoefficientSet& set) {
  std::vector<ListedTable> found;
  for (const ListedTable& table : tables) {
    if (table.origin.gpu == gpu && table.origin.operation == set.table) {
      found.push_back(table);
    }
  }
  std::sort(found.begin(), found.end(), [&](const ListedTable& a, const ListedTable& b) {
    const bool worse = launch_time_inside(set, a.origin);
    if (worse != launch_time_inside(set, b.origin)) {
      return !worse;
    }
    return compare_versions(a.origin.version, b.origin.version) > 0;
  });
  return found;
}

CoefficientFile fit_gpu(const GpuFacts& gpu, const std::string& table_gpu, const TableStore& store,
                        const GpuFitOptions& options) {
  CoefficientFile file;
  file.gpu = gpu.name;
  file.table = table_gpu;
  const auto tables = store.list();
  for (const CoefficientSet& set : coefficient_sets()) {
    if (set.name.find(options.only) == std::string::npos) {
      continue;
    }
    for (const ListedTable& listed : tables_for(tables, table_gpu, set)) {
      const auto table = store.open(listed);
      const auto raw = samples_of(set, *table);
      if (raw.size() < kFewestRows) {
        continue;  // an older version may have this number format
      }
      const GpuLimits limits = limits_of(gpu, set.precision);
      const Split split = every_fifth(samples_of(set, *table, true), raw);
      FittedSet& fitted = file.sets[set.name];
      fitted.coefficients =
          fit_operation(*set.model, limits, split.seen, starting_coefficients(*set.model),
                        effort_for(set, options.effort));
      fitted.table = fmt::format("{} {}", listed.origin.engine, listed.origin.version);
      fitted.date = options.date;
      fitted.rows = split.seen.size();
      fitted.held_out = fit_error(*set.model, limits, fitted.coefficients, split.unseen);
      if (options.groups) {
        fitted.groups = group_error(set, limits, raw, fitted.coefficients, options.effort);
      }
      if (options.progress) {
        options.progress(fmt::format(
            "{} {} {}: {} rows, every fifth held out {}{}", gpu.name, set.name, fitted.table,
            raw.size(), percent(fitted.held_out),
            fitted.groups.samples > 0 ? ", groups held out " + percent(fitted.groups) : ""));
      }
      break;
    }
  }
  return file;
}

std::map<std::string, FitError> transfer_errors(const CoefficientFile& from, const GpuFacts& gpu,
                                                const std::string& table_gpu,
                                                const TableStore& store) {
  std::map<std::string, FitError> errors;
  const auto tables = store.list();
  for (const CoefficientSet& set : coefficient_sets()) {
    const auto known = from.sets.find(set.name);
    if (known == from.sets.end()) {
      continue;
    }
    for (const ListedTable& listed : tables_for(tables, table_gpu, set)) {
      const auto samples = samples_of(set, *store.open(listed));
      if (samples.size() >= kFewestRows) {
        errors[set.name] = fit_error(*set.model, limits_of(gpu, set.precision),
                                     known->second.coefficients, samples);
        break;
      }
    }
  }
  return errors;
}

}  // namespace lockstep
