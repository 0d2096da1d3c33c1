#include "sweep/service_level.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/numeric.hpp"
#include "config/near_miss.hpp"

namespace lockstep {
namespace {

std::optional<Nanos> milliseconds(const JsonView& view, std::string_view key) {
  constexpr double kMost = 1e12;
  const auto value = view.find(key);
  if (!value) {
    return std::nullopt;
  }
  const double ms = value->number_above(0);
  if (ms > kMost) {
    value->fail(fmt::format("'{}' is {} ms", value->path(), ms), "give less than 1e12 ms");
  }
  return Nanos{truncate(ms * 1e6)};
}

bool within(Nanos value, const std::optional<Nanos>& limit) {
  return !limit || (value >= Nanos{} && value <= *limit);
}

}  // namespace

bool ServiceLevel::kept_by(const Request& request) const {
  return within(request.ttft, ttft) && within(request.tpot, tpot) &&
         within(request.latency, latency) &&
         std::all_of(request.itl.begin(), request.itl.end(),
                     [&](Nanos gap) { return within(gap, itl); });
}

ServiceLevel read_service_level(const JsonView& view) {
  constexpr std::array<std::string_view, 4> kKeys = {"ttft_ms", "tpot_ms", "itl_ms", "latency_ms"};
  view.object();
  refuse_unknown_keys(view, kKeys);
  return {milliseconds(view, kKeys[0]), milliseconds(view, kKeys[1]), milliseconds(view, kKeys[2]),
          milliseconds(view, kKeys[3])};
}

void refuse_unknown_keys(const JsonView& view, std::span<const std::string_view> known) {
  for (const auto& [key, value] : view.json().items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      view.fail_at(key, fmt::format("unknown key '{}'{}", key, suggestion(key, known)),
                   fmt::format("the keys here are {}", fmt::join(known, ", ")));
    }
  }
}

}  // namespace lockstep
