#include "perf/gpu_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "perf/yaml_file.hpp"

namespace lockstep {
namespace {

using C = AnalyticCoefficients;
constexpr std::string_view kMicros = "us";
constexpr std::string_view kShare = "share of peak";
constexpr std::string_view kMultiple = "multiple of memory bandwidth";
constexpr std::string_view kPart = "part";
constexpr std::string_view kExponent = "exponent";

constexpr std::array kFields = {
    CoefficientField{"gemm_launch", kMicros, &C::gemm_launch},
    CoefficientField{"gemm_bandwidth", kShare, &C::gemm_bandwidth},
    CoefficientField{"gemm_compute", kShare, &C::gemm_compute},
    CoefficientField{"gemm_tile", kPart, &C::gemm_tile},
    CoefficientField{"gemm_wave", kPart, &C::gemm_wave},
    CoefficientField{"gemm_blend", kExponent, &C::gemm_blend},
    CoefficientField{"norm_launch", kMicros, &C::norm_launch},
    CoefficientField{"norm_rate", kMultiple, &C::norm_rate},
    CoefficientField{"qk_norm_launch", kMicros, &C::qk_norm_launch},
    CoefficientField{"qk_norm_rate", kMultiple, &C::qk_norm_rate},
    CoefficientField{"rotary_launch", kMicros, &C::rotary_launch},
    CoefficientField{"rotary_rate", kMultiple, &C::rotary_rate},
    CoefficientField{"act_launch", kMicros, &C::act_launch},
    CoefficientField{"act_rate", kMultiple, &C::act_rate},
    CoefficientField{"embedding_launch", kMicros, &C::embedding_launch},
    CoefficientField{"embedding_rate", kMultiple, &C::embedding_rate},
    CoefficientField{"sampler_launch", kMicros, &C::sampler_launch},
    CoefficientField{"sampler_rate", kMultiple, &C::sampler_rate},
    CoefficientField{"chip_share", "share of L2", &C::chip_share},
    CoefficientField{"spill_rate", kMultiple, &C::spill_rate},
    CoefficientField{"moe_launch", kMicros, &C::moe_launch},
    CoefficientField{"moe_bandwidth", kShare, &C::moe_bandwidth},
    CoefficientField{"moe_compute", kShare, &C::moe_compute},
    CoefficientField{"moe_warm", kPart, &C::moe_warm},
    CoefficientField{"moe_blend", kExponent, &C::moe_blend},
    CoefficientField{"attention_launch", kMicros, &C::attention_launch},
    CoefficientField{"attention_combine", kMicros, &C::attention_combine},
    CoefficientField{"attention_tile", "us per tile", &C::attention_tile},
    CoefficientField{"attention_compute", kShare, &C::attention_compute},
    CoefficientField{"attention_empty", "us per tile", &C::attention_empty},
    CoefficientField{"attention_bandwidth", kShare, &C::attention_bandwidth},
    CoefficientField{"attention_cache", "share of L2", &C::attention_cache},
    CoefficientField{"attention_reuse", kExponent, &C::attention_reuse},
    CoefficientField{"attention_tail", kPart, &C::attention_tail},
    CoefficientField{"attention_blend", kExponent, &C::attention_blend},
};

YAML::Node required(const YamlFile& yaml, const YAML::Node& map, const std::string& key) {
  const YAML::Node node = yaml.child(map, key);
  if (!YamlFile::present(node)) {
    yaml.refuse(map.Mark(), fmt::format("'{}' is missing here", key), "add it");
  }
  return node;
}

double positive(const YamlFile& yaml, const YAML::Node& map, const std::string& key) {
  const YAML::Node node = required(yaml, map, key);
  const double value = yaml.finite(node, key);
  if (value <= 0) {
    yaml.refuse(node.Mark(), fmt::format("'{}' must be above 0", key), "correct the value");
  }
  return value;
}

void read_all_reduce(const YamlFile& yaml, GpuFacts& gpu) {
  const YAML::Node list = yaml.child(yaml.root(), "all_reduce");
  if (!YamlFile::present(list)) {
    return;
  }
  for (const auto& entry : list) {
    AllReduceCurve curve;
    curve.ranks = static_cast<std::int64_t>(positive(yaml, entry, "ranks"));
    curve.link_gb_s = positive(yaml, entry, "link_gb_s");
    curve.latency_us = positive(yaml, entry, "latency_us");
    curve.bandwidth_gb_s = positive(yaml, entry, "bandwidth_gb_s");
    curve.small_bytes = static_cast<std::int64_t>(positive(yaml, entry, "small_bytes"));
    curve.small_latency_us = positive(yaml, entry, "small_latency_us");
    gpu.all_reduce.push_back(curve);
  }
}

void read_decode_blocks(const YamlFile& yaml, GpuFacts& gpu) {
  const YAML::Node entry = yaml.child(yaml.root(), "decode_blocks");
  if (YamlFile::present(entry)) {
    gpu.decode_blocks = {gpu.multiprocessors, positive(yaml, entry, "block_gb_s"),
                         positive(yaml, entry, "memory_gb_s"), positive(yaml, entry, "start_us"),
                         positive(yaml, entry, "launch_us")};
  }
}

void read_split_decodes(const YamlFile& yaml, GpuFacts& gpu) {
  const YAML::Node entry = yaml.child(yaml.root(), "split_decodes");
  if (YamlFile::present(entry)) {
    gpu.split_decodes = {gpu.multiprocessors, positive(yaml, entry, "block_gb_s"),
                         positive(yaml, entry, "block_fp8_gb_s"),
                         positive(yaml, entry, "memory_gb_s")};
  }
}

void read_datasheet(const YamlFile& yaml, const YAML::Node& sheet, GpuFacts& gpu) {
  gpu.multiprocessors = static_cast<std::int64_t>(positive(yaml, sheet, "multiprocessors"));
  gpu.bandwidth = positive(yaml, sheet, "memory_bandwidth_gb_s");
  gpu.memory_gb = positive(yaml, sheet, "memory_gb");
  if (YamlFile::present(yaml.child(sheet, "visible_memory_bytes"))) {
    gpu.visible_memory_bytes = positive(yaml, sheet, "visible_memory_bytes");
  }
  gpu.l2_mb = positive(yaml, sheet, "l2_mb");
  if (YamlFile::present(yaml.child(sheet, "link_gb_s"))) {
    gpu.link_gb_s = positive(yaml, sheet, "link_gb_s");
  }
  gpu.power_w = positive(yaml, sheet, "power_w");
  const YAML::Node peaks = required(yaml, sheet, "peak_tflops");
  for (const auto& entry : peaks) {
    const auto name = yaml.as<std::string>(entry.first, "a number format");
    if (name == "fp4") {
      gpu.peak_fp4 = positive(yaml, peaks, name);
      continue;
    }
    const auto type = data_type_from_name(name);
    if (!type) {
      yaml.refuse(entry.first.Mark(), fmt::format("'{}' is no number format", name),
                  "use float16, bfloat16, float32, fp8, int8 or fp4");
    }
    gpu.peak_tflops[static_cast<std::size_t>(*type)] = positive(yaml, peaks, name);
  }
  if (gpu.peak(DataType::bfloat16) <= 0) {
    yaml.refuse(peaks.Mark(), "the peak of bfloat16 is missing", "add it");
  }
}

void read_fit(const YamlFile& yaml, GpuFacts& gpu) {
  const YAML::Node fit = required(yaml, yaml.root(), "fit");
  gpu.fitted_on = yaml.as<std::string>(required(yaml, fit, "measured_on"), "measured_on");
  gpu.fit_date = yaml.as<std::string>(required(yaml, fit, "date"), "date");
  const YAML::Node coefficients = required(yaml, fit, "coefficients");
  for (const CoefficientField& field : coefficient_fields()) {
    const YAML::Node entry = required(yaml, coefficients, std::string(field.name));
    gpu.coefficients.*field.member = positive(yaml, entry, "value");
  }
  for (const auto& entry : required(yaml, fit, "errors")) {
    const auto kind = yaml.as<std::string>(entry.first, "a kind of layer");
    gpu.errors[kind] = {positive(yaml, entry.second, "median"),
                        positive(yaml, entry.second, "p90")};
  }
}

}  // namespace

std::span<const CoefficientField> coefficient_fields() {
  return kFields;
}

double GpuFacts::peak(DataType type) const {
  const double own = peak_tflops[static_cast<std::size_t>(type)];
  return own > 0 ? own : peak_tflops[static_cast<std::size_t>(DataType::bfloat16)];
}

GpuFacts read_gpu_facts(const std::filesystem::path& file) {
  const YamlFile yaml(file);
  GpuFacts gpu;
  gpu.name = yaml.as<std::string>(required(yaml, yaml.root(), "name"), "name");
  const YAML::Node aliases = yaml.child(yaml.root(), "aliases");
  if (YamlFile::present(aliases)) {
    gpu.aliases = yaml.as<std::vector<std::string>>(aliases, "aliases");
  }
  read_datasheet(yaml, required(yaml, yaml.root(), "datasheet"), gpu);
  read_all_reduce(yaml, gpu);
  read_decode_blocks(yaml, gpu);
  read_split_decodes(yaml, gpu);
  const YAML::Node other = yaml.child(yaml.root(), "coefficients_of");
  if (YamlFile::present(other)) {
    const auto name = yaml.as<std::string>(other, "coefficients_of");
    const YamlFile source(file.parent_path() / (name + ".yaml"));
    read_fit(source, gpu);
  } else {
    read_fit(yaml, gpu);
  }
  return gpu;
}

bool attends_in_one_kernel(std::string_view gpu) {
  constexpr std::array<std::string_view, 8> kGpus = {"A100", "A10",     "A6000",   "L4",
                                                     "L40S", "RTX3090", "RTX4090", "RTXPRO6000"};
  return std::ranges::find(kGpus, gpu) != kGpus.end();
}

}  // namespace lockstep
