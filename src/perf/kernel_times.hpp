// Kernel times: how long one layer of one batch takes on one NPU. Two sources implement this: a
// measured bundle and the built-in analytic model. Every answer says where it comes from.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "model/architecture.hpp"
#include "model/layer.hpp"
#include "perf/time_source.hpp"

namespace lockstep {

struct KernelTime {
  Nanos time;  ///< >= 1
  TimeSource source = TimeSource::exact;
};

/// What the attention look-up needs of a batch (sums over its prefill and decode entries).
struct AttentionShape {
  std::int64_t prefill_chunk = 0;
  std::int64_t kv_prefill = 0;
  std::int64_t n_decode = 0;
  std::int64_t kv_decode_mean = 0;
  std::int64_t kv_decode_max = 0;
  std::int64_t kv_decode_min = 0;
};

/// How many look-ups of a run were exact, interpolated, extrapolated, analytic.
struct LookupCounts {
  std::array<std::int64_t, 4> by_source{};
  void add(TimeSource source, std::int64_t times = 1) {
    by_source[static_cast<std::size_t>(source)] += times;
  }
  [[nodiscard]] std::int64_t of(TimeSource source) const {
    return by_source[static_cast<std::size_t>(source)];
  }
};

class OperationTimes;

/// Times of one (hardware, model, variant, tp). Immutable after loading; safe to share between
/// threads.
class KernelTimes {
public:
  virtual ~KernelTimes() = default;
  /// False: the layer has no data at its (effective) tp; block layers without data are left out
  /// of the iteration with one warning.
  [[nodiscard]] virtual bool has(Layer layer) const = 0;
  [[nodiscard]] virtual KernelTime dense(Layer layer, std::int64_t tokens) const = 0;
  [[nodiscard]] virtual KernelTime per_sequence(Layer layer, std::int64_t sequences) const = 0;
  [[nodiscard]] virtual KernelTime attention(const AttentionShape& shape) const = 0;
  [[nodiscard]] virtual KernelTime moe(std::int64_t tokens, std::int64_t experts) const = 0;
  /// One line for the output: which bundle, or the analytic model with its known error.
  [[nodiscard]] virtual std::string description() const = 0;
  /// Of a described model: the source that its operations are priced by, and no layer is. Null:
  /// layers are.
  [[nodiscard]] virtual std::shared_ptr<const OperationTimes> operations() const { return nullptr; }
};

struct PerfSources {
  std::vector<std::filesystem::path> roots;  ///< bundle roots, first match wins
  bool allow_analytic = true;                ///< false under --strict
};

/// Search order: --perf-dir, then $LOCKSTEP_PERF_DIR, then profiler/perf.
[[nodiscard]] PerfSources perf_sources(const RunOptions& options);

class KernelTimeStore;

/// Hands out the kernel times of one run's instances and collects that run's warnings. Bundles are
/// read through a store, once for all libraries that share it; a library belongs to one thread.
class KernelTimeLibrary {
public:
  /// With a store of its own.
  explicit KernelTimeLibrary(PerfSources sources);
  KernelTimeLibrary(PerfSources sources, std::shared_ptr<KernelTimeStore> store);
  ~KernelTimeLibrary();
  KernelTimeLibrary(const KernelTimeLibrary&) = delete;
  KernelTimeLibrary& operator=(const KernelTimeLibrary&) = delete;

  /// Throws UserError when no source covers the instance (names what was looked for and where).
  [[nodiscard]] std::shared_ptr<const KernelTimes> times_for(const Instance& instance);
  /// Limits above the measured grid, missing skew tables, ...: each once, in order of first use.
  [[nodiscard]] const std::vector<std::string>& warnings() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
