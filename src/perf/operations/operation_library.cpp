#include "perf/operations/operation_library.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "perf/data_dirs.hpp"
#include "perf/operations/measured_operations.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

// A table's distance from the version asked for: the version itself, then newer ones (nearest
// first), then older ones.
int side_of(const std::string& asked, const std::string& version) {
  if (asked.empty()) {
    return 2;  // the newest: as if asked for a version newer than all
  }
  const int order = compare_versions(version, asked);
  return order == 0 ? 0 : (order > 0 ? 1 : 2);
}

bool nearer(const std::string& asked, const ListedTable& a, const ListedTable& b) {
  const int left = side_of(asked, a.origin.version);
  const int right = side_of(asked, b.origin.version);
  if (left != right) {
    return left < right;
  }
  const int order = compare_versions(a.origin.version, b.origin.version);
  return left == 1 ? order < 0 : order > 0;
}

using Tables = std::map<MeasuredOperation, std::vector<std::shared_ptr<const OperationTable>>>;

Tables open_tables(const OperationRequest& request, const TableStore& store,
                   const std::vector<ListedTable>& listed, std::vector<std::string>& notes) {
  std::map<MeasuredOperation, std::vector<ListedTable>> by_operation;
  for (const ListedTable& table : listed) {
    by_operation[table.origin.operation].push_back(table);
  }
  Tables tables;
  std::set<std::string> others;
  for (auto& [operation, list] : by_operation) {
    std::sort(list.begin(), list.end(), [&](const ListedTable& a, const ListedTable& b) {
      return nearer(request.engine_version, a, b);
    });
    for (const ListedTable& table : list) {
      tables[operation].push_back(store.open(table));
    }
    const std::string& version = list.front().origin.version;
    if (!request.engine_version.empty() && list.front().origin.engine != "nccl" &&
        compare_versions(version, request.engine_version) != 0) {
      others.insert(fmt::format("{} {}", table_schema(operation).name, version));
    }
  }
  if (!others.empty()) {
    notes.push_back(fmt::format("no tables of {} {} for: {}", request.gpu, request.engine_version,
                                fmt::join(others, ", ")));
  }
  return tables;
}

// Said once: below 1,000 rows the look-ups pass over tables that hold launch time.
void note_block_products(const Tables& tables, std::vector<std::string>& notes) {
  const auto found = tables.find(MeasuredOperation::gemm);
  if (found == tables.end() || found->second.size() < 2) {
    return;
  }
  const auto is_sound = [](const std::shared_ptr<const OperationTable>& table) {
    return compare_versions(table->origin().version, "0.24") < 0;
  };
  if (!is_sound(found->second.front()) &&
      std::any_of(found->second.begin(), found->second.end(), is_sound)) {
    notes.push_back(
        "8-bit block products: times of an older version, as newer tables hold launch "
        "time for few rows");
  }
}

std::vector<CoefficientFile> coefficients_for(const std::string& gpu) {
  std::vector<CoefficientFile> files;
  for (const std::string& name : coefficient_sources(gpu)) {
    for (const fs::path& dir : data_dirs("hardware/operations")) {
      std::error_code failed;
      const fs::path file = dir / (name + ".yaml");
      if (fs::is_regular_file(file, failed)) {
        files.push_back(read_coefficient_file(file));
        break;
      }
    }
  }
  return files;
}

}  // namespace

std::vector<std::string> coefficient_sources(const std::string& gpu) {
  static const std::map<std::string, std::vector<std::string>> kKin = {
      {"A100", {"H100"}},
      {"A10", {"L40S", "A100"}},
      {"A6000", {"L40S", "A100"}},
      {"L4", {"L40S", "A100"}},
      {"L40S", {"RTXPRO6000", "H100"}},
      {"RTX3090", {"L40S", "A100"}},
      {"RTX4090", {"RTXPRO6000", "L40S"}},
      {"RTXPRO6000", {"L40S", "B200"}},
      {"B60", {"L40S"}},
      {"B200", {"B300", "H100"}},
      {"B300", {"B200", "H100"}},
      {"GB200", {"B200", "H100"}},
      {"GB300", {"B300", "B200", "H100"}},
      {"H200", {"H100"}},
      {"H100", {"H200"}},
  };
  std::vector<std::string> names = {gpu};
  const auto kin = kKin.find(gpu);
  const std::vector<std::string> others =
      kin == kKin.end() ? std::vector<std::string>{"H100"} : kin->second;
  names.insert(names.end(), others.begin(), others.end());
  return names;
}

std::shared_ptr<const AnalyticOperations> analytic_operations_for(
    const std::shared_ptr<const GpuFacts>& gpu) {
  auto files = coefficients_for(gpu->name);
  if (files.empty()) {
    throw UserError(fmt::format("there are no coefficients of {} or its kin", gpu->name),
                    Where{"hardware/operations", 0, {}},
                    "run in the project's folder or set LOCKSTEP_DATA_DIR to it");
  }
  return std::make_shared<const AnalyticOperations>(gpu, std::move(files));
}

OperationSource operation_times_for(const OperationRequest& request) {
  GpuCatalog catalog;
  const auto gpu = catalog.find(request.gpu);
  if (!gpu) {
    throw UserError(fmt::format("hardware/ knows no GPU called '{}'", request.gpu), Where{},
                    fmt::format("it knows {}", catalog.known()));
  }
  OperationSource source;
  const auto analytic = analytic_operations_for(gpu);
  std::vector<ListedTable> own;
  const TableStore store(request.store);
  if (request.allow_tables) {
    for (const ListedTable& table : store.list()) {
      const auto other = catalog.find(table.origin.gpu);
      if (other && other->name == gpu->name) {
        own.push_back(table);
      }
    }
  }
  if (own.empty()) {
    if (!request.allow_analytic) {
      throw UserError(fmt::format("no tables of {} were imported", gpu->name),
                      Where{store.root().string(), 0, {}},
                      "lockstep perf import FOLDER, or allow the analytic model");
    }
    source.times = analytic;
    source.notes.push_back(analytic->description());
    return source;
  }
  const Tables tables = open_tables(request, store, own, source.notes);
  note_block_products(tables, source.notes);
  source.times = std::make_shared<const MeasuredOperations>(
      analytic, tables,
      fmt::format("measured operations of {} ({})", gpu->name, own.front().origin.gpu));
  return source;
}

}  // namespace lockstep
