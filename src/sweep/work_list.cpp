#include "sweep/work_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "config/number_text.hpp"

namespace lockstep {

Share parse_share(std::string_view text, std::string_view flag) {
  constexpr std::int64_t kMost = 1'000'000;
  const std::size_t slash = text.find('/');
  const auto index = int_from_text(text.substr(0, slash));
  const auto count =
      slash == std::string_view::npos ? std::nullopt : int_from_text(text.substr(slash + 1));
  if (!index || !count || *index < 1 || *count < *index || *count > kMost) {
    throw UserError(fmt::format("'{}' is no share", text), Where{{}, 0, std::string(flag)},
                    "write I/N, such as 2/8: the second of eight shares");
  }
  return {*index, *count};
}

WorkList::WorkList(const SweepSpec& spec, const std::string& version, Share share) : spec_(&spec) {
  ConfigKeys keys(spec, version);
  keys_.reserve(static_cast<std::size_t>(spec.size()));
  for (std::int64_t config = 0; config < spec.size(); ++config) {
    keys_.push_back(keys.key(spec.settings(config)));
    if (config % share.count == share.index - 1) {
      configs_.push_back(config);
    }
  }
}

std::vector<std::int64_t> WorkList::missing(ResultStore& store, bool retry) const {
  const std::vector<std::string> there = store.keys(!retry);
  std::set<std::string> seen(there.begin(), there.end());
  std::vector<std::int64_t> left;
  std::copy_if(configs_.begin(), configs_.end(), std::back_inserter(left),
               [&](std::int64_t config) { return seen.insert(key(config)).second; });
  return left;
}

ResultRow make_row(const WorkList& work, std::int64_t config, Outcome outcome) {
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();
  for (const Setting& setting : work.spec().settings(config)) {
    settings[setting.name] = setting.value;
  }
  return {work.key(config), settings.dump(), std::move(outcome)};
}

}  // namespace lockstep
