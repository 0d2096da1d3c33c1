#include "gpu_names.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/near_miss.hpp"

namespace lockstep {

std::shared_ptr<const GpuFacts> known_gpu(GpuCatalog& catalog, const std::string& name,
                                          const std::string& flag) {
  if (auto gpu = catalog.find(name)) {
    return gpu;
  }
  const std::vector<std::string> names = catalog.names();
  const std::vector<std::string_view> views(names.begin(), names.end());
  throw UserError(
      fmt::format("the analytic model does not know '{}'{}", name, suggestion(name, views)),
      Where{{}, 0, flag}, fmt::format("known: {}", catalog.known()));
}

}  // namespace lockstep
