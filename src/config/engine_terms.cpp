#include "config/engine_terms.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace lockstep {

std::span<const EngineTermName> engine_term_names() {
  static constexpr std::array<EngineTermName, 8> kNames = {
      {{"async-scheduling", &EngineTerms::async_scheduling},
       {"graph-padding", &EngineTerms::graph_padding},
       {"independent-experts", &EngineTerms::independent_experts},
       {"collective-curves", &EngineTerms::collective_curves},
       {"separate-prompts", &EngineTerms::separate_prompts},
       {"host-launches", &EngineTerms::host_launches},
       {"unsplit-decodes", &EngineTerms::unsplit_decodes},
       {"memory-profile", &EngineTerms::memory_profile}}};
  return kNames;
}

EngineTerms engine_terms_from(std::string_view text, const std::string& flag) {
  if (text == "all") {
    return EngineTerms::all();
  }
  EngineTerms terms = EngineTerms::none();
  if (text == "none") {
    return terms;
  }
  const auto names = engine_term_names();
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    const auto found =
        std::ranges::find_if(names, [&](const EngineTermName& term) { return term.name == name; });
    if (found == names.end()) {
      std::vector<std::string_view> known;
      for (const EngineTermName& term : names) {
        known.push_back(term.name);
      }
      throw UserError(fmt::format("'{}' is no term of the engine", name), {"", 0, flag},
                      fmt::format("use all, none, or some of {}", fmt::join(known, ",")));
    }
    terms.*found->member = true;
    if (comma == std::string_view::npos) {
      return terms;
    }
    text.remove_prefix(comma + 1);
  }
}

std::string to_string(const EngineTerms& terms) {
  std::string text;
  for (const EngineTermName& term : engine_term_names()) {
    if (terms.*term.member) {
      text += text.empty() ? "" : ",";
      text += term.name;
    }
  }
  return text.empty() ? "none" : text;
}

std::vector<std::int64_t> default_capture_sizes(std::int64_t max_num_seqs,
                                                std::int64_t max_num_batched_tokens) {
  constexpr std::int64_t kMost = 512;
  std::int64_t most = max_num_seqs > 0 ? std::min(2 * max_num_seqs, kMost) : kMost;
  if (max_num_batched_tokens > 0) {
    most = std::min(most, max_num_batched_tokens);
  }
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = 1; size <= most;
       size += size < 4 ? size : (size < 8 ? 4 : (size < 256 ? 8 : 16))) {
    sizes.push_back(size);
  }
  return sizes;
}

}  // namespace lockstep
