// Fits the analytic model's coefficients to a GPU's measured bundles and rewrites the `fit:`
// section of its hardware file, errors included. Deterministic: the search starts at the file's own
// coefficients, and those that no sample touches stay as they are.
//
//   fit_analytic <bundle root> <model config root> hardware/<NAME>.yaml <date> [held-out model]
//
// Minimises the mean of |ln(model / measured)| per layer, group of coefficients by group, by
// compass search in the logarithms of the coefficients. With a held-out model (part of its name)
// the fit leaves its bundles out, and the errors printed are those of the held-out ones; nothing
// is written then.
//
// Build: c++ -std=c++20 -O2 -ffp-contract=off -DFMT_SHARED -Isrc tools/fit_analytic.cpp
//   <build>/liblockstep_{perf,config,model,base}.a -lfmt -lyaml-cpp
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "perf/analytic_times.hpp"
#include "perf/bundle.hpp"
#include "perf/csv_file.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct Target {
  std::size_t model = 0;  ///< index of the (model, tp) it was measured on
  std::string kind;       ///< dense, per_sequence, attention, moe
  Layer layer = Layer::attention;
  std::int64_t rows = 0;
  std::int64_t experts = 0;
  AttentionShape attention;
  double nanos = 0;
};

struct Measured {
  std::vector<std::pair<ModelConfig, std::int64_t>> models;
  std::vector<std::string> bundles;
  std::vector<Target> targets;
  std::vector<Target> held_out;
};

void read_curves(const fs::path& file, std::string_view key, const std::string& kind,
                 std::size_t model, std::vector<Target>& out) {
  if (!fs::is_regular_file(file)) {
    return;
  }
  CsvFile csv(file);
  while (csv.next_row()) {
    Target t;
    t.model = model;
    t.kind = kind;
    t.layer = layer_from_name(csv.text(csv.column("layer"))).value();
    t.rows = csv.key(csv.column(key));
    t.nanos = csv.nanos_of_micros(csv.column("time_us"));
    out.push_back(t);
  }
}

void read_experts(const fs::path& file, std::size_t model, std::vector<Target>& out) {
  if (!fs::is_regular_file(file)) {
    return;
  }
  CsvFile csv(file);
  while (csv.next_row()) {
    Target t;
    t.model = model;
    t.kind = "moe";
    t.layer = Layer::moe;
    t.rows = csv.key(csv.column("tokens"));
    t.experts = csv.key(csv.column("activated_experts"));
    t.nanos = csv.nanos_of_micros(csv.column("time_us"));
    out.push_back(t);
  }
}

void read_attention(const fs::path& file, std::size_t model, std::vector<Target>& out) {
  CsvFile csv(file);
  while (csv.next_row()) {
    Target t;
    t.model = model;
    t.kind = "attention";
    const std::int64_t kv = csv.key(csv.column("kv_decode"));
    t.attention = {csv.key(csv.column("prefill_chunk")),
                   csv.key(csv.column("kv_prefill")),
                   csv.key(csv.column("n_decode")),
                   kv,
                   kv,
                   kv};
    t.nanos = csv.nanos_of_micros(csv.column("time_us"));
    out.push_back(t);
  }
}

Measured read_bundles(const fs::path& root, const fs::path& configs, const std::string& hold_out) {
  Measured measured;
  std::vector<fs::path> metas;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() == "meta.yaml") {
      metas.push_back(entry.path());
    }
  }
  std::sort(metas.begin(), metas.end());
  for (const fs::path& meta : metas) {
    const fs::path dir = meta.parent_path();
    if (dir.filename() != "bf16") {
      continue;
    }
    const std::string name = fs::relative(dir.parent_path(), root).string();
    const ModelConfig config = find_model_config({configs}, name);
    const bool held = !hold_out.empty() && name.find(hold_out) != std::string::npos;
    std::vector<Target>& out = held ? measured.held_out : measured.targets;
    for (const std::int64_t tp : degrees_in(dir)) {
      const std::size_t model = measured.models.size();
      measured.models.emplace_back(config, tp);
      const fs::path tables = dir / fmt::format("tp{}", tp);
      read_curves(tables / "dense.csv", "tokens", "dense", model, out);
      read_curves(tables / "per_sequence.csv", "sequences", "per_sequence", model, out);
      read_experts(tables / "moe.csv", model, out);
      read_attention(tables / "attention.csv", model, out);
    }
    measured.bundles.push_back(name);
  }
  return measured;
}

double modelled(const KernelTimes& times, const Target& t) {
  const auto nanos = [&] {
    if (t.kind == "attention") {
      return times.attention(t.attention);
    }
    if (t.kind == "moe") {
      return times.moe(t.rows, t.experts);
    }
    return times.dense(t.layer, t.rows);
  }();
  return static_cast<double>(nanos.time.count());
}

std::vector<AnalyticTimes> times_of(const GpuFacts& gpu, const Measured& measured) {
  const auto shared = std::make_shared<const GpuFacts>(gpu);
  std::vector<AnalyticTimes> times;
  for (const auto& [config, tp] : measured.models) {
    times.emplace_back(shared, config, tp, DataType::bfloat16, KvCacheType::automatic);
  }
  return times;
}

// Mean over layers of the mean |ln(model / measured)|.
double loss(const GpuFacts& gpu, const Measured& measured, const std::vector<Target>& targets) {
  const std::vector<AnalyticTimes> times = times_of(gpu, measured);
  std::array<double, kLayerCount> sum{};
  std::array<double, kLayerCount> count{};
  for (const Target& t : targets) {
    const auto layer = static_cast<std::size_t>(t.layer);
    sum[layer] += std::abs(std::log(modelled(times[t.model], t) / t.nanos));
    count[layer] += 1;
  }
  double total = 0;
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    total += count[i] > 0 ? sum[i] / count[i] : 0.0;
  }
  return total;
}

struct Group {
  std::vector<std::string> prefixes;  ///< of its coefficients' names
  std::vector<Layer> layers;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all = {
      {{"gemm_"},
       {Layer::qkv_proj, Layer::o_proj, Layer::gate_up_proj, Layer::down_proj, Layer::lm_head}},
      {{"norm_", "qk_norm_", "rotary_", "act_", "embedding_", "sampler_", "chip_", "spill_"},
       {Layer::layernorm, Layer::final_layernorm, Layer::qk_norm, Layer::rotary_emb, Layer::act_fn,
        Layer::embedding, Layer::sampler}},
      {{"moe_"}, {Layer::moe}},
      {{"attention_"}, {Layer::attention}},
  };
  return all;
}

bool bounded_by_one(const CoefficientField& field) {
  return field.unit == "part" || field.unit == "share of peak" || field.unit == "share of L2";
}

// Tries every coefficient up and down by a factor; halves the step when none helps.
double compass(GpuFacts& gpu, const Measured& measured, const std::vector<Target>& targets,
               const std::vector<const CoefficientField*>& fields) {
  double best = loss(gpu, measured, targets);
  for (double step = 0.4; step > 0.004; step *= 0.5) {
    bool better = true;
    while (better) {
      better = false;
      for (const CoefficientField* field : fields) {
        for (const double factor : {std::exp(step), std::exp(-step)}) {
          GpuFacts trial = gpu;
          double& value = trial.coefficients.*field->member;
          value = std::clamp(value * factor, 1e-3, bounded_by_one(*field) ? 1.0 : 100.0);
          const double now = loss(trial, measured, targets);
          if (now < best - 1e-6) {
            best = now;
            gpu = trial;
            better = true;
            break;
          }
        }
      }
    }
  }
  return best;
}

// Of several starts (the given values, then disturbed best ones) the best end.
void fit_group(GpuFacts& gpu, const Measured& measured, const Group& group) {
  std::vector<Target> targets;
  for (const Target& t : measured.targets) {
    if (std::find(group.layers.begin(), group.layers.end(), t.layer) != group.layers.end()) {
      targets.push_back(t);
    }
  }
  if (targets.empty()) {
    return;
  }
  const std::size_t every = targets.size() / 6000 + 1;
  std::vector<Target> some;
  for (std::size_t i = 0; i < targets.size(); i += every) {
    some.push_back(targets[i]);
  }
  std::vector<const CoefficientField*> fields;
  for (const CoefficientField& field : coefficient_fields()) {
    for (const std::string& prefix : group.prefixes) {
      if (field.name.starts_with(prefix)) {
        fields.push_back(&field);
      }
    }
  }
  double best = compass(gpu, measured, some, fields);
  MersenneTwister random = MersenneTwister::from_seed(1);
  for (int start = 0; start < 6; ++start) {
    GpuFacts trial = gpu;
    for (const CoefficientField* field : fields) {
      double& value = trial.coefficients.*field->member;
      value =
          std::min(value * std::exp(random.uniform() - 0.5), bounded_by_one(*field) ? 1.0 : 100.0);
    }
    const double now = compass(trial, measured, some, fields);
    if (now < best) {
      best = now;
      gpu = trial;
    }
  }
  fmt::print("{}: loss {:.4f}\n", group.prefixes.front(), best);
}

AnalyticError error_of(std::vector<double> errors) {
  std::sort(errors.begin(), errors.end());
  const auto at = [&](double part) {
    return errors[static_cast<std::size_t>(part * static_cast<double>(errors.size() - 1))];
  };
  return {at(0.5), at(0.9)};
}

std::map<std::string, AnalyticError> errors_by(const GpuFacts& gpu, const Measured& measured,
                                               const std::vector<Target>& targets, bool by_layer) {
  const std::vector<AnalyticTimes> times = times_of(gpu, measured);
  std::map<std::string, std::vector<double>> errors;
  for (const Target& t : targets) {
    const std::string key = by_layer ? std::string(layer_name(t.layer)) : t.kind;
    errors[key].push_back(std::abs(modelled(times[t.model], t) / t.nanos - 1.0));
  }
  std::map<std::string, AnalyticError> result;
  for (auto& [key, values] : errors) {
    result[key] = error_of(std::move(values));
  }
  return result;
}

void print(const std::map<std::string, AnalyticError>& errors) {
  for (const auto& [key, error] : errors) {
    fmt::print("  {}: median {:.1f} %, p90 {:.1f} %\n", key, error.median * 100, error.p90 * 100);
  }
}

void rewrite(const fs::path& file, const GpuFacts& gpu, const Measured& measured,
             const std::string& date) {
  const auto has_layer = [&](Layer layer) {
    return std::any_of(measured.targets.begin(), measured.targets.end(),
                       [&](const Target& t) { return t.layer == layer; });
  };
  std::ifstream in(file);
  std::string kept;
  for (std::string line; std::getline(in, line) && !line.starts_with("fit:");) {
    kept += line + "\n";
  }
  std::ofstream out(file);
  out << kept << "fit:\n  measured_on: " << gpu.name << "\n  date: '" << date << "'\n"
      << "  source: measured kernel times of "
      << fmt::format("{}", fmt::join(measured.bundles, ", "))
      << " (bf16), by tools/fit_analytic.cpp\n  coefficients:\n";
  for (const CoefficientField& field : coefficient_fields()) {
    const bool measured_here = !(field.name.starts_with("moe_") && !has_layer(Layer::moe)) &&
                               !(field.name.starts_with("qk_norm_") && !has_layer(Layer::qk_norm));
    out << fmt::format("    {}: {{value: {:.4g}, unit: {}{}}}\n", field.name,
                       gpu.coefficients.*field.member, field.unit,
                       measured_here ? "" : ", from: RTXPRO6000");
  }
  out << "  errors:  # |model - measured| / measured over all samples\n";
  for (const auto& [kind, error] : errors_by(gpu, measured, measured.targets, false)) {
    out << fmt::format("    {}: {{median: {:.3f}, p90: {:.3f}}}\n", kind, error.median, error.p90);
  }
}

int run(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr,
               "usage: fit_analytic <bundles> <models> <hardware file> <date> [held-out]\n");
    return 2;
  }
  const fs::path file = argv[3];
  const std::string hold_out = argc > 5 ? argv[5] : "";
  GpuFacts gpu = read_gpu_facts(file);
  const Measured measured = read_bundles(fs::path(argv[1]) / gpu.name, argv[2], hold_out);
  for (const Group& group : groups()) {
    fit_group(gpu, measured, group);
  }
  print(errors_by(gpu, measured, measured.targets, true));
  print(errors_by(gpu, measured, measured.targets, false));
  if (hold_out.empty()) {
    rewrite(file, gpu, measured, argv[4]);
  } else {
    fmt::print("held out:\n");
    print(errors_by(gpu, measured, measured.held_out, true));
    print(errors_by(gpu, measured, measured.held_out, false));
  }
  return 0;
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  try {
    return lockstep::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
