#include "sweep/run_description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <variant>

#include "base/error.hpp"
#include "config/flag_table.hpp"
#include "config/near_miss.hpp"
#include "sweep/workload_keys.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kClusterPrefix = "cluster.";
constexpr std::string_view kCopiesPrefix = "copies.";
constexpr std::string_view kFlagPrefix = "flag.";
constexpr std::string_view kWorkloadPrefix = "workload.";

/// Flags that a run in memory has no use for, or that have a place of their own.
constexpr std::array<std::string_view, 17> kNotHere = {
    "--help",       "--cluster-config", "--dataset",        "--num-reqs",     "--output",
    "--run-id",     "--inputs-root",    "--cleanup-inputs", "--log-interval", "--log-level",
    "--log-format", "--json",           "--quiet",          "--save-run",     "--report",
    "--trace",      "--max-memory"};

/// With underscores or dashes, with or without the two in front.
std::string flag_name(std::string_view name) {
  std::string text(name.starts_with("--") ? name.substr(2) : name);
  std::replace(text.begin(), text.end(), '_', '-');
  return "--" + text;
}

const Flag& find_flag(const std::string& name, const JsonView& place) {
  std::vector<std::string_view> names;
  for (const auto flags : {field_flags(), own_flags()}) {
    for (const Flag& flag : flags) {
      if (std::find(kNotHere.begin(), kNotHere.end(), flag.name) != kNotHere.end()) {
        continue;
      }
      if (flag.name == name) {
        return flag;
      }
      names.push_back(flag.name);
    }
  }
  if (std::find(kNotHere.begin(), kNotHere.end(), name) != kNotHere.end()) {
    place.fail(fmt::format("the flag {} has no place here", name),
               "cluster and workload have keys of their own; results go to --output");
  }
  place.fail(fmt::format("there is no flag {}{}", name, suggestion(name, names)),
             "`lockstep run --help` lists the flags");
}

/// A value as the command line would have it; nothing when the switch is off and has no opposite.
std::vector<std::string> flag_words(const Flag& flag, const JsonView& value) {
  const std::string name(flag.name);
  if (!flag.takes_value()) {
    if (value.boolean()) {
      return {name};
    }
    return flag.kind == FlagKind::pair ? std::vector{"--no-" + name.substr(2)}
                                       : std::vector<std::string>{};
  }
  const Json& json = value.json();
  if (json.is_object() || json.is_array() || json.is_null() || json.is_boolean()) {
    value.fail(fmt::format("{} takes one value", name), "give one number or text");
  }
  return {name + "=" + (json.is_string() ? json.get<std::string>() : json.dump())};
}

ParsedFlags parse_flags(const JsonView& flags) {
  std::vector<std::string> words;
  for (const auto& [key, value] : flags.json().items()) {
    const JsonView view = flags.find(key).value_or(flags);
    if (value.is_null()) {
      continue;
    }
    for (std::string& word : flag_words(find_flag(flag_name(key), view), view)) {
      words.push_back(std::move(word));
    }
  }
  RunFlags parsed = parse_run_flags(words, "flags");
  if (const auto* refused = std::get_if<UsageError>(&parsed)) {
    flags.fail(refused->message, "`lockstep run --help` lists the flags and their values");
  }
  ensure(std::holds_alternative<ParsedFlags>(parsed), "flags of a description ask for no help");
  return std::get<ParsedFlags>(std::move(parsed));
}

Json object_or_empty(const JsonDocument& base, std::string_view key) {
  const auto found = base.root.find(key);
  return found == base.root.end() || found->is_null() ? Json::object() : *found;
}

/// The parts of a base that settings change.
struct Parts {
  Json cluster;
  Json flags;
  Json workload;
  std::vector<Setting> edits;

  void apply(const Setting& setting) {
    const std::string_view name = setting.name;
    if (name == "cluster") {
      cluster = setting.value;
    } else if (name == "workload") {
      workload = setting.value;
    } else if (name.starts_with(kFlagPrefix)) {
      set_flag(flag_name(name.substr(kFlagPrefix.size())), setting.value);
    } else if (name.starts_with(kWorkloadPrefix)) {
      workload = as_workload_object(std::move(workload));
      workload[std::string(name.substr(kWorkloadPrefix.size()))] = setting.value;
    } else {
      edits.push_back(setting);
    }
  }

  void set_flag(const std::string& name, const Json& value) {
    for (auto& [key, old] : flags.items()) {
      if (flag_name(key) == name) {
        old = value;
        return;
      }
    }
    flags[name.substr(2)] = value;
  }
};

}  // namespace

void check_setting_name(const std::string& name, const JsonView& place) {
  const auto rest = [&](std::string_view prefix) {
    return name.starts_with(prefix) ? std::string_view(name).substr(prefix.size())
                                    : std::string_view{};
  };
  if (name == "cluster" || name == "workload" || !rest(kClusterPrefix).empty() ||
      !rest(kCopiesPrefix).empty()) {
    return;
  }
  if (const auto flag = rest(kFlagPrefix); !flag.empty()) {
    static_cast<void>(find_flag(flag_name(flag), place));
    return;
  }
  if (const auto key = rest(kWorkloadPrefix); !key.empty()) {
    check_workload_key(key, place);
    return;
  }
  place.fail(fmt::format("'{}' names nothing that can be set", name),
             "write cluster.PATH, copies.PATH, flag.NAME, workload.KEY, cluster or workload");
}

void check_base(const JsonDocument& base) {
  const JsonView root = JsonView::root(base).object();
  static_cast<void>(root.require("cluster", "the file").text());
  if (const auto flags = root.find("flags")) {
    static_cast<void>(parse_flags(flags->object()));
  }
  static_cast<void>(read_workload_recipe(root.require("workload", "the file")));
}

RunDescription describe_run(const JsonDocument& base, const Settings& settings) {
  Parts parts{base.root.at("cluster"),
              object_or_empty(base, "flags"),
              object_or_empty(base, "workload"),
              {}};
  for (const Setting& setting : settings) {
    parts.apply(setting);
  }
  // A document of its own, so that complaints name places as the spec does.
  JsonDocument document;
  document.file = base.file;
  document.lines = base.lines;
  document.root = Json{{"cluster", parts.cluster}, {"flags", parts.flags}};
  document.root["workload"] = parts.workload;
  const JsonView root = JsonView::root(document);
  RunDescription run;
  run.cluster_file = root.require("cluster", "the file").text();
  run.cluster_edits = std::move(parts.edits);
  run.flags = parse_flags(root.require("flags", "the file").object());
  run.workload = read_workload_recipe(root.require("workload", "the file"));
  run.flags.options.cluster_config = run.cluster_file;
  return run;
}

std::string settings_text(const Settings& settings) {
  std::string text;
  for (const Setting& setting : settings) {
    text += fmt::format(
        "{}{}={}", text.empty() ? "" : " ", setting.name,
        setting.value.is_string() ? setting.value.get<std::string>() : setting.value.dump());
  }
  return text;
}

}  // namespace lockstep
