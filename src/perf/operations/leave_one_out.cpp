#include "perf/operations/leave_one_out.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace lockstep {
namespace {

double relative(double found, float measured) {
  return found / static_cast<double>(measured) - 1.0;
}

std::vector<double> point_errors(const TableLookup& lookup, std::size_t most) {
  const OperationTable& table = lookup.table();
  const std::size_t every = table.point_count() / most + 1;
  std::vector<double> errors;
  std::size_t seen = 0;
  for (std::size_t slice = 0; slice < table.slice_count(); ++slice) {
    const TableCurve curve = table.curve(slice);
    for (std::size_t i = 1; i + 1 < curve.axis.size(); ++i) {
      if (seen++ % every != 0) {
        continue;
      }
      if (const auto time = lookup.without({slice, i}, table.keys(slice), curve.axis[i])) {
        errors.push_back(relative(time->micros, curve.micros[i]));
      }
    }
  }
  return errors;
}

std::vector<double> slice_errors(const TableLookup& lookup, std::size_t most) {
  const OperationTable& table = lookup.table();
  const std::size_t every = table.slice_count() / (most / 8 + 1) + 1;
  std::vector<double> errors;
  for (std::size_t slice = 0; slice < table.slice_count(); slice += every) {
    const TableCurve curve = table.curve(slice);
    const std::size_t step = curve.axis.size() / 8 + 1;
    for (std::size_t i = 0; i < curve.axis.size(); i += step) {
      TableLookup::LeftOut out;
      out.slice = slice;
      if (const auto time = lookup.without(out, table.keys(slice), curve.axis[i])) {
        errors.push_back(relative(time->micros, curve.micros[i]));
      }
    }
  }
  return errors;
}

}  // namespace

LeaveOneOut leave_one_out(const std::shared_ptr<const OperationTable>& table,
                          const std::shared_ptr<const AnalyticOperations>& analytic,
                          std::size_t most) {
  LeaveOneOut result;
  for (const BetweenRule rule : {BetweenRule::linear, BetweenRule::loglog, BetweenRule::ratio}) {
    LookupRules rules = lookup_rules(table->origin().operation);
    rules.axis = rule;
    rules.keys = rule;
    const TableLookup lookup = make_lookup(table, rules, analytic);
    const auto place = static_cast<std::size_t>(rule);
    result.points[place] = error_of(point_errors(lookup, most));
    result.slices[place] = error_of(slice_errors(lookup, most));
  }
  return result;
}

}  // namespace lockstep
