// What a user is promised of one request. A request is good when it keeps every limit that is
// given.
#pragma once

#include <optional>

#include "base/units.hpp"
#include "config/json_view.hpp"
#include "serving/request.hpp"

namespace lockstep {

struct ServiceLevel {
  std::optional<Nanos> ttft;     ///< arrival to first token
  std::optional<Nanos> tpot;     ///< mean gap between tokens
  std::optional<Nanos> itl;      ///< longest gap between tokens
  std::optional<Nanos> latency;  ///< arrival to last token

  [[nodiscard]] bool any() const { return ttft || tpot || itl || latency; }
  [[nodiscard]] bool kept_by(const Request& request) const;
};

/// {ttft_ms, tpot_ms, itl_ms, latency_ms}, each a number above 0 or left out. Throws UserError.
[[nodiscard]] ServiceLevel read_service_level(const JsonView& view);

/// Throws UserError for a member that is not among `known`.
void refuse_unknown_keys(const JsonView& view, std::span<const std::string_view> known);

}  // namespace lockstep
