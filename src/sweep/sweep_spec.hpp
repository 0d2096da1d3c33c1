// A sweep as its file describes it: a base, and settings that vary. The configurations are the
// product of the grid's lists, each with every entry of `list`, numbered with the last name
// fastest.
//
//   cluster: FILE
//   flags: {NAME: VALUE, ...}
//   workload: FILE or {...}                    (workload_keys.hpp)
//   slo: {ttft_ms, tpot_ms, itl_ms, latency_ms}
//   grid: {SETTING: [VALUE, ...], ...}          (run_description.hpp)
//   list: [{SETTING: VALUE, ...}, ...]
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sweep/run_description.hpp"
#include "sweep/service_level.hpp"

namespace lockstep {

class SweepSpec {
public:
  /// Throws UserError: unknown keys, empty lists, names of nothing, paths that match nothing in the
  /// base's cluster, more than 10 million configurations.
  /// `strict`: as if the file said so among its flags.
  [[nodiscard]] static SweepSpec read(const std::filesystem::path& file, bool strict = false);
  [[nodiscard]] static SweepSpec parse(JsonDocument document);

  [[nodiscard]] const JsonDocument& base() const { return document_; }
  [[nodiscard]] const ServiceLevel& promise() const { return promise_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Of configuration `index`, 0 <= index < size().
  [[nodiscard]] Settings settings(std::int64_t index) const;
  /// All names that some configuration sets, in order of first mention.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

private:
  struct Axis {
    std::string name;
    std::vector<nlohmann::ordered_json> values;
  };

  void read_grid();
  void read_list();
  void add_name(const std::string& name);
  void check_paths() const;

  JsonDocument document_;
  ServiceLevel promise_;
  std::vector<Axis> grid_;
  std::vector<Settings> list_;  ///< at least one entry
  std::vector<std::string> names_;
  std::int64_t size_ = 1;
};

}  // namespace lockstep
