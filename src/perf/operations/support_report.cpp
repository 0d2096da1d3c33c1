#include "perf/operations/support_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "perf/bundle_list.hpp"
#include "perf/operations/measured_operations.hpp"
#include "perf/operations/operation_library.hpp"

namespace lockstep {
namespace {

using Kept = std::map<MeasuredOperation, std::vector<std::shared_ptr<const OperationTable>>>;

struct Gpu {
  std::shared_ptr<const GpuFacts> facts;
  std::shared_ptr<const AnalyticOperations> analytic;
  Kept tables;  ///< newest first
};

std::vector<Gpu> gpus_of(const SupportRequest& request) {
  GpuCatalog catalog;
  const TableStore store(request.store);
  const auto listed = store.list();
  std::vector<Gpu> gpus;
  for (const std::string& name : request.gpus.empty() ? catalog.names() : request.gpus) {
    Gpu gpu;
    gpu.facts = catalog.find(name);
    if (!gpu.facts) {
      continue;
    }
    gpu.analytic = analytic_operations_for(gpu.facts);
    for (const ListedTable& table : listed) {
      const auto other = catalog.find(table.origin.gpu);
      if (other && other->name == gpu.facts->name) {
        gpu.tables[table.origin.operation].push_back(store.open(table));
      }
    }
    for (auto& [operation, tables] : gpu.tables) {
      std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
        return compare_versions(a->origin().version, b->origin().version) > 0;
      });
    }
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

// The newest table with a slice whose keys agree where `keys` is not -1.
std::optional<std::string> version_with(const Gpu& gpu, MeasuredOperation operation,
                                        const std::vector<std::int64_t>& keys) {
  const auto found = gpu.tables.find(operation);
  if (found == gpu.tables.end()) {
    return std::nullopt;
  }
  for (const auto& table : found->second) {
    for (std::size_t slice = 0; slice < table->slice_count(); ++slice) {
      const auto own = table->keys(slice);
      bool agrees = true;
      for (std::size_t i = 0; i < keys.size() && agrees; ++i) {
        agrees = keys[i] < 0 || own[i] == keys[i];
      }
      if (agrees) {
        return table->origin().version;
      }
    }
  }
  return std::nullopt;
}

SupportCell from_coefficients(const Gpu& gpu, std::string operation, std::size_t set) {
  const auto& answer = gpu.analytic->answer(set);
  SupportCell cell;
  cell.operation = std::move(operation);
  if (answer.fitted == nullptr) {
    cell.source = "nothing";
    cell.missing = true;
    return cell;
  }
  const bool own = answer.file->gpu == gpu.facts->name;
  cell.source = own ? "coefficients" : fmt::format("{}'s coefficients", answer.file->gpu);
  if (answer.set->name != coefficient_sets()[set].name) {
    cell.source += fmt::format(" of {}", answer.set->name);
  } else if (own) {
    cell.median = answer.fitted->held_out.median;
    cell.p90 = answer.fitted->held_out.p90;
  }
  return cell;
}

SupportCell cell_of(const Gpu& gpu, std::string operation, std::size_t set, MeasuredOperation table,
                    const std::vector<std::int64_t>& kind, const std::vector<std::int64_t>& shape) {
  if (const auto version = version_with(gpu, table, shape)) {
    return {std::move(operation), fmt::format("tables {}", *version), {}, {}, false};
  }
  if (const auto version = version_with(gpu, table, kind)) {
    SupportCell cell = from_coefficients(gpu, operation, set);
    cell.source = fmt::format("tables {}, nearest shape scaled", *version);
    return cell;
  }
  return from_coefficients(gpu, std::move(operation), set);
}

bool is_latent(const ModelConfig& model) {
  return model.model_type.starts_with("deepseek") || model.model_type.starts_with("kimi");
}

std::vector<SupportCell> cells_of(const Gpu& gpu, const ModelConfig& model, Precision precision) {
  const auto p = static_cast<std::int64_t>(precision);
  std::vector<SupportCell> cells;
  Gemm gemm;
  gemm.precision = precision;
  const bool weight_only = precision == Precision::int4 || precision == Precision::mxfp4 ||
                           precision == Precision::mxfp4_fp8;
  const std::int64_t dense = weight_only ? static_cast<std::int64_t>(Precision::bfloat16) : p;
  cells.push_back(
      cell_of(gpu, "products", set_of(gemm), MeasuredOperation::gemm, {dense}, {dense}));
  if (is_latent(model)) {
    LatentAttention latent;
    latent.projections = precision;
    latent.generation = true;
    cells.push_back(cell_of(gpu, "latent attention", module_set_of(latent),
                            MeasuredOperation::mla_generation_module, {p}, {p}));
  } else {
    const GenerationAttention attention;
    cells.push_back(cell_of(gpu, "attention", set_of(attention),
                            MeasuredOperation::generation_attention, {}, {model.head_dim}));
  }
  if (model.has_experts()) {
    GroupedExperts experts;
    experts.precision = precision;
    cells.push_back(cell_of(gpu, "experts", set_of(experts), MeasuredOperation::moe, {p},
                            {p, model.hidden_size, model.moe_intermediate_size, model.num_experts,
                             model.num_experts_per_tok}));
  }
  cells.push_back(cell_of(gpu, "all-reduce", set_of(CollectiveCall{}),
                          MeasuredOperation::custom_allreduce, {1}, {1}));
  return cells;
}

std::vector<std::string> bundles_of(const std::vector<ListedBundle>& bundles,
                                    const std::string& gpu, const std::string& model) {
  std::vector<std::string> found;
  for (const ListedBundle& bundle : bundles) {
    if (bundle.hardware == gpu && bundle.model == model) {
      found.push_back(fmt::format("{} tp {}", bundle.variant, fmt::join(bundle.degrees, ", ")));
    }
  }
  return found;
}

std::string cell_text(const SupportCell& cell) {
  std::string text = fmt::format("{}: {}", cell.operation, cell.source);
  if (cell.median && cell.p90) {
    text += fmt::format(" ({:.0f} / {:.0f} %)", *cell.median * 100.0, *cell.p90 * 100.0);
  }
  return text;
}

}  // namespace

bool can_compute(const GpuFacts& gpu, Precision precision) {
  switch (precision) {
    case Precision::fp8:
    case Precision::fp8_block:
      return gpu.peak_tflops[static_cast<std::size_t>(DataType::fp8)] > 0;
    case Precision::nvfp4:
    case Precision::mxfp4_fp8:
      return gpu.peak_fp4 > 0;
    default:
      return true;  // 4-bit weights alone are widened to 16 bits
  }
}

std::vector<SupportRow> support_rows(const SupportRequest& request) {
  std::vector<SupportRow> rows;
  const auto bundles = list_bundles(request.bundle_roots);
  const std::vector<Gpu> gpus = gpus_of(request);
  for (const ModelConfig& model : request.models) {
    for (const Gpu& gpu : gpus) {
      for (const Precision precision : request.precisions) {
        if (!can_compute(*gpu.facts, precision)) {
          continue;
        }
        SupportRow row{model.name, gpu.facts->name, precision, {}, {}, {}};
        row.bundles = bundles_of(bundles, gpu.facts->name, model.name);
        row.cells = cells_of(gpu, model, precision);
        const bool missing = std::any_of(row.cells.begin(), row.cells.end(),
                                         [](const SupportCell& cell) { return cell.missing; });
        if (missing) {
          row.advice = "measure it and import the tables: lockstep perf import";
        } else if (gpu.tables.empty() && gpu.analytic->answer(0).file->gpu != gpu.facts->name) {
          row.advice = "another GPU's coefficients: import tables of this one to do better";
        }
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

std::string support_text(const std::vector<SupportRow>& rows) {
  std::string text =
      "Sources of kernel times; in brackets median / p90 error on rows that a fit did not see.\n";
  std::string model;
  for (const SupportRow& row : rows) {
    if (row.model != model) {
      model = row.model;
      text += model + "\n";
    }
    std::string cells;
    for (const SupportCell& cell : row.cells) {
      cells += (cells.empty() ? "" : "; ") + cell_text(cell);
    }
    text += fmt::format("  {:<11} {:<9} {}{}{}\n", row.gpu, precision_name(row.precision),
                        row.bundles.empty()
                            ? ""
                            : fmt::format("layer bundle {}; ", fmt::join(row.bundles, " and ")),
                        cells, row.advice.empty() ? "" : fmt::format("; {}", row.advice));
  }
  return text;
}

}  // namespace lockstep
