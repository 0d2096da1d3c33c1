#include "config/run_options_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

/// Simulated seconds; more would not fit the clock.
constexpr double kLongestInterval = 1e9;

[[noreturn]] void refuse(const char* flag, std::string problem, std::string mend) {
  throw UserError(std::move(problem), {"", 0, flag}, std::move(mend));
}

void check_prefix_routing(const RunOptions& options) {
  const auto check = [](bool good, const char* flag, double value, const char* mend) {
    if (!good) {
      refuse(flag, fmt::format("{} is {}", flag, plain_number_text(value)), mend);
    }
  };
  check(options.cache_threshold >= 0 && options.cache_threshold <= 1, "--cache-threshold",
        options.cache_threshold, "give a share of the prompt from 0 to 1");
  check(options.balance_abs_threshold >= 0, "--balance-abs-threshold",
        static_cast<double>(options.balance_abs_threshold), "give a number of requests");
  check(options.balance_rel_threshold >= 1, "--balance-rel-threshold",
        options.balance_rel_threshold, "give a factor of at least 1");
}

}  // namespace

bool valid_run_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !id.empty() && id != "." && id != ".." && std::ranges::all_of(id, allowed);
}

void check_run_options(const RunOptions& options) {
  if (!(options.log_interval > 0) || options.log_interval > kLongestInterval) {
    refuse("--log-interval",
           fmt::format("--log-interval is {}", plain_number_text(options.log_interval)),
           "give simulated seconds above 0, such as 1.0");
  }
  if (options.run_id) {
    const std::string& id = *options.run_id;
    const std::size_t first = id.find_first_not_of(" \t\n\r\f\v");
    const std::size_t last = id.find_last_not_of(" \t\n\r\f\v");
    const bool blank = first == std::string::npos;  // stands for a generated id
    if (!blank && !valid_run_id(std::string_view(id).substr(first, last - first + 1))) {
      refuse("--run-id", "run_id may contain only letters, numbers, '.', '_', and '-'.",
             "choose another id, or leave the flag out to get one");
    }
  }
  if (options.network_backend != "analytical") {
    refuse("--network-backend",
           fmt::format("--network-backend {} is not supported", options.network_backend),
           "use analytical, the default");
  }
  if (options.request_routing_policy == RoutingPolicy::custom && options.dataset) {
    refuse("--request-routing-policy", "Implement custom routing policy.",
           "CUSTOM is a place for a policy of your own, and none is built in; use LOAD, RR or "
           "RAND");
  }
  check_prefix_routing(options);
}

}  // namespace lockstep
