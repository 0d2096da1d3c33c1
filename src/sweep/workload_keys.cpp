#include "sweep/workload_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "base/numeric.hpp"
#include "config/near_miss.hpp"
#include "sweep/service_level.hpp"
#include "workload/lengths.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kFileKeys = {"file", "num_reqs", "rate", "rate_scale"};
constexpr std::array<std::string_view, 16> kGeneratorKeys = {"arrivals",
                                                             "num_reqs",
                                                             "rate",
                                                             "rate_scale",
                                                             "input_toks",
                                                             "output_toks",
                                                             "seed",
                                                             "shape",
                                                             "swing",
                                                             "period_sec",
                                                             "pulse_n",
                                                             "pulse_delay_sec",
                                                             "first_arrival_sec",
                                                             "token_ids",
                                                             "vocab",
                                                             "reuse"};

constexpr std::array<std::pair<std::string_view, ArrivalKind>, 6> kArrivals = {{
    {"poisson", ArrivalKind::poisson},
    {"fixed", ArrivalKind::fixed},
    {"burst", ArrivalKind::pulse},
    {"gamma", ArrivalKind::gamma},
    {"weibull", ArrivalKind::weibull},
    {"diurnal", ArrivalKind::diurnal},
}};

constexpr std::int64_t kMostRequests = std::int64_t{1} << 32;

ArrivalKind read_arrivals(const JsonView& view) {
  const std::string name = view.text();
  std::vector<std::string_view> names;
  for (const auto& [known, kind] : kArrivals) {
    if (known == name) {
      return kind;
    }
    names.push_back(known);
  }
  view.fail(fmt::format("unknown arrivals '{}'{}", name, suggestion(name, names)),
            fmt::format("take one of {}", fmt::join(names, ", ")));
}

Nanos read_seconds(const JsonView& view) {
  constexpr double kMost = 1e9;
  const double seconds = view.number_at_least(0);
  if (seconds > kMost) {
    view.fail(fmt::format("'{}' is {} s", view.path(), seconds), "give at most 1e9 s");
  }
  return Nanos{truncate(seconds * 1e9)};
}

LengthDistribution read_lengths(const JsonView& view) {
  const std::string text = view.json().is_string() ? view.text() : std::to_string(view.integer());
  return parse_lengths(text, view.path());
}

template <class Read>
void with(const JsonView& view, std::string_view key, Read read) {
  if (const auto found = view.find(key)) {
    read(*found);
  }
}

FlatOptions read_generator(const JsonView& view) {
  FlatOptions options;
  ArrivalOptions& arrivals = options.arrivals;
  with(view, "arrivals", [&](const JsonView& v) { arrivals.kind = read_arrivals(v); });
  with(view, "rate", [&](const JsonView& v) { arrivals.rate = v.number_above(0); });
  with(view, "shape", [&](const JsonView& v) { arrivals.shape = v.number_above(0); });
  with(view, "swing", [&](const JsonView& v) { arrivals.swing = v.number_at_least(0); });
  with(view, "period_sec", [&](const JsonView& v) { arrivals.period = read_seconds(v); });
  with(view, "pulse_n",
       [&](const JsonView& v) { arrivals.pulse_size = v.integer_between(1, kMostRequests); });
  with(view, "pulse_delay_sec", [&](const JsonView& v) { arrivals.pulse_delay = read_seconds(v); });
  with(view, "first_arrival_sec", [&](const JsonView& v) { arrivals.first = read_seconds(v); });
  with(view, "num_reqs",
       [&](const JsonView& v) { options.num_requests = v.integer_between(1, kMostRequests); });
  with(view, "input_toks", [&](const JsonView& v) { options.input = read_lengths(v); });
  with(view, "output_toks", [&](const JsonView& v) { options.output = read_lengths(v); });
  with(view, "seed", [&](const JsonView& v) {
    options.seed = static_cast<std::uint32_t>(v.integer_between(0, 0xffffffff));
  });
  with(view, "token_ids", [&](const JsonView& v) { options.with_token_ids = v.boolean(); });
  with(view, "vocab", [&](const JsonView& v) {
    options.vocabulary = v.integer_between(1, std::int64_t{1} << 31);
  });
  with(view, "reuse", [&](const JsonView& v) { options.reuse = v.number_at_least(0); });
  return options;
}

}  // namespace

Json as_workload_object(Json workload) {
  return workload.is_string() ? Json{{"file", workload}} : std::move(workload);
}

void check_workload_key(std::string_view key, const JsonView& place) {
  std::vector<std::string_view> names(kGeneratorKeys.begin(), kGeneratorKeys.end());
  names.emplace_back("file");
  if (std::find(names.begin(), names.end(), key) == names.end()) {
    place.fail(fmt::format("a workload has no key '{}'{}", key, suggestion(key, names)),
               fmt::format("its keys are {}", fmt::join(names, ", ")));
  }
}

WorkloadRecipe read_workload_recipe(const JsonView& view) {
  WorkloadRecipe recipe;
  if (view.json().is_string()) {
    recipe.file = view.text();
    return recipe;
  }
  view.object();
  with(view, "rate_scale", [&](const JsonView& v) { recipe.rate_scale = v.number_above(0); });
  if (const auto file = view.find("file")) {
    refuse_unknown_keys(view, kFileKeys);
    recipe.file = file->text();
    with(view, "num_reqs",
         [&](const JsonView& v) { recipe.max_lines = v.integer_between(0, kMostRequests); });
    with(view, "rate", [&](const JsonView& v) { recipe.rate = v.number_above(0); });
    return recipe;
  }
  refuse_unknown_keys(view, kGeneratorKeys);
  recipe.generator = read_generator(view);
  return recipe;
}

}  // namespace lockstep
