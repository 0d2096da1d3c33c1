// What is known of a GPU: its datasheet, and the coefficients of the analytic model with where
// they were fitted and how far they were off. One file hardware/<NAME>.yaml each.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/data_type.hpp"
#include "perf/all_reduce_curve.hpp"
#include "perf/decode_blocks.hpp"
#include "perf/mixed_decodes.hpp"

namespace lockstep {

/// Shares are of the datasheet's peak, launches in microseconds per layer call.
struct AnalyticCoefficients {
  double gemm_launch = 0;          ///< us
  double gemm_bandwidth = 0;       ///< share of the memory bandwidth
  double gemm_compute = 0;         ///< share of the peak rate
  double gemm_tile = 0;            ///< 0..1: how much of a tile's padding rows is paid
  double gemm_wave = 0;            ///< 0..1: how much of a partly filled last wave is paid
  double gemm_blend = 0;           ///< exponent that blends compute with memory time
  double norm_launch = 0;          ///< us
  double norm_rate = 0;            ///< multiple of the memory bandwidth, data on chip
  double qk_norm_launch = 0;       ///< us
  double qk_norm_rate = 0;         ///< as norm_rate
  double rotary_launch = 0;        ///< us
  double rotary_rate = 0;          ///< as norm_rate
  double act_launch = 0;           ///< us
  double act_rate = 0;             ///< as norm_rate
  double embedding_launch = 0;     ///< us
  double embedding_rate = 0;       ///< as norm_rate
  double sampler_launch = 0;       ///< us
  double sampler_rate = 0;         ///< as norm_rate
  double chip_share = 0;           ///< share of the L2 cache that tensors can use between layers
  double spill_rate = 0;           ///< multiple of the memory bandwidth for what does not fit it
  double moe_launch = 0;           ///< us
  double moe_bandwidth = 0;        ///< share of the memory bandwidth
  double moe_compute = 0;          ///< share of the peak rate
  double moe_warm = 0;             ///< part of the weight reads left when all fit the L2 cache
  double moe_blend = 0;            ///< as gemm_blend
  double attention_launch = 0;     ///< us
  double attention_combine = 0;    ///< us, for merging split contexts
  double attention_tile = 0;       ///< us per tile, apart from its keys
  double attention_compute = 0;    ///< share of one multiprocessor's peak rate on a full tile
  double attention_empty = 0;      ///< us per tile without work
  double attention_bandwidth = 0;  ///< share of the memory bandwidth
  double attention_cache = 0;      ///< share of the L2 cache that holds keys between heads
  double attention_reuse = 0;      ///< exponent of the reuse by heads that run at once
  double attention_tail = 0;       ///< 0..1: how much of a partly filled last wave is paid
  double attention_blend = 0;      ///< as gemm_blend
};

struct CoefficientField {
  std::string_view name;
  std::string_view unit;
  double AnalyticCoefficients::*member;
};
/// All coefficients by the name they have in the files.
[[nodiscard]] std::span<const CoefficientField> coefficient_fields();

/// Relative error |model - measured| / measured of one kind of layer.
struct AnalyticError {
  double median = 0;
  double p90 = 0;
};

struct GpuFacts {
  std::string name;
  std::vector<std::string> aliases;
  std::int64_t multiprocessors = 0;
  std::array<double, 5> peak_tflops{};  ///< dense, by DataType; 0: not supported
  double peak_fp4 = 0;                  ///< dense TFLOP/s of 4-bit floats; 0: not supported
  double bandwidth = 0;                 ///< memory, GB/s of 10^9 bytes
  double link_gb_s = 32;                ///< to the other GPUs, one direction; PCIe 4 x16 by default
  double memory_gb = 0;                 ///< as sold
  double visible_memory_bytes = 0;      ///< that programs see; 0: not known
  double l2_mb = 0;                     ///< of 2^20 bytes
  double power_w = 0;
  std::string fitted_on;  ///< GPU whose measured times the coefficients fit
  std::string fit_date;
  AnalyticCoefficients coefficients;
  std::vector<AllReduceCurve> all_reduce;       ///< as the modelled engine runs it
  std::optional<DecodeBlocks> decode_blocks;    ///< of the modelled engine's attention kernel
  std::optional<SplitDecodes> split_decodes;    ///< where it splits contexts by their lengths
  std::map<std::string, AnalyticError> errors;  ///< by kind of layer, against `fitted_on`'s bundles

  /// Peak of a number format in TFLOP/s; that of 16 bits where the GPU has none of its own.
  [[nodiscard]] double peak(DataType type) const;
};

/// Whether vLLM attends by FlashAttention 2 there, which is one kernel for prompts and decodes:
/// Ampere, Ada and the workstation Blackwells; later kernels take decodes apart.
[[nodiscard]] bool attends_in_one_kernel(std::string_view gpu);

/// Reads one file; `coefficients_of` in it names the file beside it that the coefficients come
/// from. Throws UserError naming file and line.
[[nodiscard]] GpuFacts read_gpu_facts(const std::filesystem::path& file);

/// The files of ./hardware, then of the data folder; the first of equal names counts.
class GpuCatalog {
public:
  GpuCatalog();
  explicit GpuCatalog(std::vector<std::filesystem::path> dirs);

  /// The GPU of that name or alias, else the one whose longest name is contained in `hardware`
  /// ("H100" in "NVIDIA-H100-SXM"), letters and digits compared without case; null when none.
  [[nodiscard]] std::shared_ptr<const GpuFacts> find(const std::string& hardware);
  [[nodiscard]] std::vector<std::string> names();
  /// "A100, B200, ..."
  [[nodiscard]] std::string known();

private:
  void load();

  std::vector<std::filesystem::path> dirs_;
  std::map<std::string, std::shared_ptr<const GpuFacts>> gpus_;  ///< by name
  bool loaded_ = false;
};

}  // namespace lockstep
