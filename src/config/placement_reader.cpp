#include "config/placement_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "config/near_miss.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

struct Kind {
  std::string_view key;
  MemoryLocation PlacementEntry::*place;
};
constexpr std::array<Kind, 3> kKinds{{{"weights", &PlacementEntry::weights},
                                      {"kv_loc", &PlacementEntry::kv_loc},
                                      {"kv_evict_loc", &PlacementEntry::kv_evict_loc}}};

/// A device no file can name: makes the check of places refuse it.
constexpr std::int32_t kNoDevice = std::numeric_limits<std::int32_t>::max();

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

/// Digits without leading zeros.
std::int32_t device_number(std::string_view text) {
  std::int32_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = result.ec == std::errc{} && result.ptr == text.data() + text.size();
  return whole && fmt::format("{}", number) == text && number >= 0 ? number : kNoDevice;
}

class PlacementReader {
public:
  PlacementReader(std::int32_t node, std::int64_t num_blocks, std::vector<std::string>& warnings)
      : node_(node), num_blocks_(num_blocks), warnings_(warnings) {}

  Placement read(const JsonView& view) {
    view.object();
    Placement placement;
    placement.default_entry.kv_evict_loc = {MemoryTier::remote, node_};
    if (const auto entry = view.find("default")) {
      overwrite(entry->object(), placement.default_entry);
    }
    if (const auto rules = view.find("blocks")) {
      rules->array();
      for (std::size_t i = 0; i < rules->size(); ++i) {
        read_block_rule(rules->item(i).object(), placement);
      }
    }
    if (const auto rules = view.find("layers")) {
      read_layer_rules(rules->object(), placement);
    }
    return placement;
  }

private:
  MemoryLocation location(const JsonView& value) {
    const std::string name = upper(value.text());
    if (name.starts_with("NPU")) {
      note_rest(value, name, "NPU");
      return {};
    }
    if (name.starts_with("CPU")) {
      note_rest(value, name, "CPU");
      return {MemoryTier::remote, node_};
    }
    if (name == "CXL") {
      return {MemoryTier::cxl};
    }
    if (name.starts_with("CXL")) {
      const bool numbered = name.size() > 4 && name[3] == ':';
      return {MemoryTier::cxl,
              numbered ? device_number(std::string_view(name).substr(4)) : kNoDevice};
    }
    value.fail(fmt::format("Unknown memory placement name '{}'", value.text()),
               "use npu, cpu or cxl:<device>");
  }

  void note_rest(const JsonView& value, const std::string& name, std::string_view known) {
    if (name != known) {
      warnings_.push_back(fmt::format("{} '{}' is read as '{}'; the rest is ignored", value.path(),
                                      value.text(), known == "NPU" ? "npu" : "cpu"));
    }
  }

  /// Returns how many kinds the rule gives.
  int overwrite(const JsonView& rule, PlacementEntry& entry) {
    int given = 0;
    for (const Kind& kind : kKinds) {
      if (const auto value = rule.find(kind.key)) {
        entry.*kind.place = location(*value);
        ++given;
      }
    }
    return given;
  }

  void read_block_rule(const JsonView& rule, Placement& placement) {
    const std::vector<bool> selected = blocks_of(rule);
    PlacementEntry changed;
    overwrite(rule, changed);  // also refuses bad names in a rule without blocks
    if (std::ranges::find(selected, true) == selected.end()) {
      warnings_.push_back(fmt::format("{} selects no block of the model", rule.path()));
      return;
    }
    if (placement.blocks.empty()) {
      placement.blocks.assign(static_cast<std::size_t>(num_blocks_), placement.default_entry);
    }
    for (std::size_t block = 0; block < selected.size(); ++block) {
      if (selected[block]) {
        overwrite_quietly(rule, placement.blocks[block], changed);
      }
    }
  }

  static void overwrite_quietly(const JsonView& rule, PlacementEntry& entry,
                                const PlacementEntry& changed) {
    for (const Kind& kind : kKinds) {
      if (rule.find(kind.key)) {
        entry.*kind.place = changed.*kind.place;
      }
    }
  }

  /// "0-3, 8,9": ranges in either order and single blocks. Others are ignored.
  std::vector<bool> blocks_of(const JsonView& rule) {
    std::vector<bool> selected(static_cast<std::size_t>(num_blocks_), false);
    const auto range = rule.find("blocks");
    if (!range) {
      return selected;
    }
    const std::string text =
        range->json().is_number() ? fmt::format("{}", range->integer()) : range->text();
    std::string_view beyond;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t comma = std::min(text.find(',', begin), text.size());
      const std::string_view part = std::string_view(text).substr(begin, comma - begin);
      beyond = beyond_the_model(part) ? part : beyond;
      if (!select(part, selected) && part.find_first_not_of(" \t") != std::string_view::npos) {
        warnings_.push_back(
            fmt::format("{} '{}' is not a block or a range and is ignored", range->path(), part));
      }
      begin = comma + 1;
    }
    if (!beyond.empty() && std::ranges::find(selected, true) != selected.end()) {
      warnings_.push_back(fmt::format("{} '{}' names blocks beyond the {} of the model",
                                      range->path(), beyond, num_blocks_));
    }
    return selected;
  }

  [[nodiscard]] bool beyond_the_model(std::string_view part) const {
    const std::size_t dash = part.find('-');
    const auto first = int_from_text(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : int_from_text(part.substr(dash + 1));
    return first && last && std::max(*first, *last) >= num_blocks_;
  }

  bool select(std::string_view part, std::vector<bool>& selected) const {
    const std::size_t dash = part.find('-');
    const auto first = int_from_text(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : int_from_text(part.substr(dash + 1));
    if (!first || !last) {
      return false;
    }
    const std::int64_t from = std::max<std::int64_t>(0, std::min(*first, *last));
    const std::int64_t to = std::min(num_blocks_ - 1, std::max(*first, *last));
    for (std::int64_t block = from; block <= to; ++block) {
      selected[static_cast<std::size_t>(block)] = true;
    }
    return true;
  }

  void read_layer_rules(const JsonView& rules, Placement& placement) {
    std::vector<std::string_view> names;
    for (std::size_t layer = 0; layer < kLayerCount; ++layer) {
      names.push_back(layer_name(static_cast<Layer>(layer)));
    }
    for (const auto& item : rules.json().items()) {
      const auto rule = rules.find(item.key());
      if (!rule || item.key().starts_with('_')) {
        continue;
      }
      PlacementEntry entry = placement.default_entry;
      const int given = overwrite(rule->object(), entry);
      const auto layer = layer_from_name(item.key());
      if (!layer) {
        warnings_.push_back(fmt::format("{} names no layer and has no effect{}", rule->path(),
                                        suggestion(item.key(), names)));
      } else if (given > 0) {
        placement.layers[*layer] = entry;
      }
    }
  }

  std::int32_t node_;
  std::int64_t num_blocks_;
  std::vector<std::string>& warnings_;
};

bool exists(const MemoryLocation& place, const Cluster& cluster) {
  switch (place.tier) {
    case MemoryTier::local:
      return true;
    case MemoryTier::remote:
      return static_cast<std::size_t>(place.device_index()) < cluster.nodes.size();
    case MemoryTier::cxl:
      return cluster.cxl && place.device_index() < cluster.cxl->num_devices;
    case MemoryTier::storage:
      return false;
  }
  return false;
}

void check_entry(const JsonView& rule, const PlacementEntry& entry, const std::string& name,
                 const Cluster& cluster) {
  for (const Kind& kind : kKinds) {
    if (!exists(entry.*kind.place, cluster)) {
      const auto value = rule.find(kind.key);
      const std::string shown = value ? upper(value->text()) : to_string(entry.*kind.place);
      const std::string mend =
          cluster.cxl ? fmt::format("use cxl:0 to cxl:{}", cluster.cxl->num_devices - 1)
                      : "add cxl_mem to the top of the file, or use npu or cpu";
      rule.fail_at(kind.key,
                   fmt::format("Invalid location for {}.{}: '{}'. Not found in memory "
                               "configuration.",
                               name, kind.key, shown),
                   mend);
    }
  }
}

}  // namespace

Placement read_placement(const JsonView& instance, std::int32_t node, std::int64_t num_blocks,
                         std::vector<std::string>& warnings) {
  if (const auto view = instance.find("placement")) {
    return PlacementReader(node, num_blocks, warnings).read(*view);
  }
  Placement placement;
  placement.default_entry.kv_evict_loc = {MemoryTier::remote, node};
  return placement;
}

void check_placement(const JsonView& instance, const Placement& placement, const Cluster& cluster) {
  const auto view = instance.find("placement");
  if (!view) {
    return;
  }
  const JsonView fallback = view->find("default").value_or(*view);
  check_entry(fallback, placement.default_entry, "default", cluster);
  for (std::size_t i = 0; i < placement.blocks.size(); ++i) {
    check_entry(view->find("blocks").value_or(*view), placement.blocks[i],
                fmt::format("block[{}]", i), cluster);
  }
  const JsonView layers = view->find("layers").value_or(*view);
  for (const auto& [layer, entry] : placement.layers) {
    const std::string name(layer_name(layer));
    check_entry(layers.find(name).value_or(layers), entry, fmt::format("layer[{}]", name), cluster);
  }
}

}  // namespace lockstep
