// Which source answers for an instance: a bundle if a root has one, else the analytic model.
#include <fmt/format.h>

#include <map>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "perf/analytic_times.hpp"
#include "perf/bundle_search.hpp"
#include "perf/kernel_time_store.hpp"
#include "perf/kernel_times.hpp"
#include "perf/operation_kernel_times.hpp"

namespace lockstep {
namespace {

BundleName name_of(const Instance& instance) {
  return {instance.hardware, instance.model->name,
          variant_name(instance.dtype, instance.kv_cache_dtype),
          std::max<std::int64_t>(instance.tp, 1)};
}

std::string joined(const std::vector<std::filesystem::path>& paths) {
  std::string text;
  for (const auto& path : paths) {
    text += text.empty() ? "" : ", ";
    text += path.string();
  }
  return text;
}

}  // namespace

struct KernelTimeLibrary::Impl {
  Impl(PerfSources given, std::shared_ptr<KernelTimeStore> shared)
      : sources(std::move(given)), store(std::move(shared)) {}

  using Triple = std::tuple<std::string, std::string, std::string>;

  std::shared_ptr<const KernelTimes> measured(const std::filesystem::path& dir,
                                              const Instance& instance, const BundleName& name);
  void check_limits(const Instance& instance, const BundleName& name, const BundleMeta& meta);
  std::shared_ptr<const KernelTimes> analytic(const Instance& instance, const BundleName& name);
  std::shared_ptr<const KernelTimes> by_operation(const Instance& instance);

  PerfSources sources;
  std::shared_ptr<KernelTimeStore> store;
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<const KernelTimes>> times;
  std::map<Triple, bool> limits_checked;
  std::vector<std::string> warnings;
};

std::shared_ptr<const KernelTimes> KernelTimeLibrary::Impl::measured(
    const std::filesystem::path& dir, const Instance& instance, const BundleName& name) {
  const auto found = store->measured(dir, name.tp);
  std::shared_ptr<const KernelTimes>& slot = times[{dir.string(), name.tp}];
  if (!slot) {
    slot = found->times;
    warnings.insert(warnings.end(), found->warnings.begin(), found->warnings.end());
  }
  check_limits(instance, name, found->meta);
  return slot;
}

// Once per bundle, at its first use: a later instance with larger limits stays silent.
void KernelTimeLibrary::Impl::check_limits(const Instance& instance, const BundleName& name,
                                           const BundleMeta& meta) {
  if (std::exchange(limits_checked[{name.hardware, name.model, name.variant}], true)) {
    return;
  }
  const auto warn = [&](std::string_view flag, std::int64_t value,
                        const std::optional<std::int64_t>& profiled, std::string_view lookups) {
    const std::int64_t limit = profiled.value_or(0);
    if (limit != 0 && (value == 0 || value > limit)) {
      warnings.push_back(
          fmt::format("{}={} exceeds profiled {} for {}/{}/{}; {} lookups will extrapolate", flag,
                      value == 0 ? "inf" : std::to_string(value), limit, name.hardware, name.model,
                      name.variant, lookups));
    }
  };
  warn("max-num-batched-tokens", instance.max_num_batched_tokens, meta.max_num_batched_tokens,
       "attention/dense");
  warn("max-num-seqs", instance.max_num_seqs, meta.max_num_seqs, "per-sequence");
}

std::shared_ptr<const KernelTimes> KernelTimeLibrary::Impl::analytic(const Instance& instance,
                                                                     const BundleName& name) {
  const BundleMiss miss = explain_miss(sources.roots, name);
  const std::string what = fmt::format("{} with {}, variant {}, tp {}", name.hardware, name.model,
                                       name.variant, name.tp);
  const std::string mend = fmt::format(
      "profile it, give --perf-dir or set LOCKSTEP_PERF_DIR to a folder that has it, or choose a "
      "dtype, KV-cache dtype or tp_size that is present{}{}. Looked for {}/tp{} in: {}",
      miss.present.empty() ? "" : "; ", miss.present, name.folder().string(), name.tp,
      joined(sources.roots));
  const std::string problem = fmt::format("no kernel times for {}: {}", what, miss.problem);
  if (!sources.allow_analytic) {
    throw UserError(problem, Where{{}, 0, fmt::format("instance {}", instance.id)}, mend);
  }
  const std::shared_ptr<const GpuFacts> gpu = store->gpu(name.hardware);
  if (!gpu) {
    throw UserError(fmt::format("{}; nor does the analytic model know this hardware (it knows {})",
                                problem, store->known_gpus()),
                    Where{{}, 0, fmt::format("instance {}", instance.id)}, mend);
  }
  std::shared_ptr<const KernelTimes>& slot =
      times[{fmt::format("analytic {}", name.folder().string()), name.tp}];
  if (!slot) {
    slot = std::make_shared<const AnalyticTimes>(gpu, *instance.model, name.tp, instance.dtype,
                                                 instance.kv_cache_dtype);
    warnings.push_back(fmt::format("no measured kernel times for {} ({}); using the {}", what,
                                   miss.problem, slot->description()));
  }
  return slot;
}

std::shared_ptr<const KernelTimes> KernelTimeLibrary::Impl::by_operation(const Instance& instance) {
  std::shared_ptr<const KernelTimes>& slot =
      times[{fmt::format("operations {}", instance.hardware), 0}];
  if (!slot) {
    const OperationSource source = store->operations(instance.hardware, sources.allow_analytic);
    slot = std::make_shared<const OperationKernelTimes>(source.times);
    warnings.insert(warnings.end(), source.notes.begin(), source.notes.end());
  }
  return slot;
}

KernelTimeLibrary::KernelTimeLibrary(PerfSources sources)
    : KernelTimeLibrary(std::move(sources), std::make_shared<KernelTimeStore>()) {}

KernelTimeLibrary::KernelTimeLibrary(PerfSources sources, std::shared_ptr<KernelTimeStore> store)
    : impl_(std::make_unique<Impl>(std::move(sources), std::move(store))) {}

KernelTimeLibrary::~KernelTimeLibrary() = default;

std::shared_ptr<const KernelTimes> KernelTimeLibrary::times_for(const Instance& instance) {
  ensure(instance.model != nullptr, "an instance has a model");
  if (instance.description) {
    return impl_->by_operation(instance);
  }
  const BundleName name = name_of(instance);
  const auto dir = find_bundle(impl_->sources.roots, name);
  return dir ? impl_->measured(*dir, instance, name) : impl_->analytic(instance, name);
}

const std::vector<std::string>& KernelTimeLibrary::warnings() const {
  return impl_->warnings;
}

}  // namespace lockstep
