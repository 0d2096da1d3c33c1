#include "sweep/config_keys.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "sweep/digest.hpp"
#include "sweep/workload_keys.hpp"

namespace lockstep {
namespace {

std::string value_text(const nlohmann::ordered_json& root, const char* key) {
  const auto found = root.find(key);
  return found == root.end() ? std::string() : found->dump();
}

/// The files that a base with settings names; empty where none.
std::string file_named(const nlohmann::ordered_json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  const auto found = value.is_object() ? value.find("file") : value.end();
  return value.is_object() && found != value.end() && found->is_string() ? found->get<std::string>()
                                                                         : std::string();
}

}  // namespace

ConfigKeys::ConfigKeys(const SweepSpec& spec, std::string version) : spec_(spec) {
  Digest digest;
  digest.add_piece(version);
  for (const char* key : {"cluster", "flags", "workload", "slo"}) {
    digest.add_piece(value_text(spec.base().root, key));
  }
  prefix_ = digest.hex();
}

const std::string& ConfigKeys::content_of(const std::string& file) {
  const auto [place, fresh] = contents_.try_emplace(file);
  if (fresh) {
    try {
      place->second = file_digest(file);
    } catch (const UserError&) {  // the run will say so
      place->second = "none";
    }
  }
  return place->second;
}

std::string ConfigKeys::key(const Settings& settings) {
  std::string cluster = file_named(spec_.base().root.at("cluster"));
  std::string workload = file_named(spec_.base().root.at("workload"));
  Settings sorted = settings;
  std::sort(sorted.begin(), sorted.end(),
            [](const Setting& a, const Setting& b) { return a.name < b.name; });
  Digest digest;
  digest.add_piece(prefix_);
  for (const Setting& setting : sorted) {
    digest.add_piece(setting.name);
    digest.add_piece(setting.value.dump());
    if (setting.name == "cluster") {
      cluster = file_named(setting.value);
    } else if (setting.name == "workload" || setting.name == "workload.file") {
      workload = file_named(setting.value);
    }
  }
  digest.add_piece(cluster.empty() ? "none" : content_of(cluster));
  digest.add_piece(workload.empty() ? "none" : content_of(workload));
  return digest.hex();
}

}  // namespace lockstep
