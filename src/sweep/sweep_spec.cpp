#include "sweep/sweep_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "config/known_keys.hpp"
#include "sweep/described_run.hpp"
#include "sweep/yaml_document.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kMostConfigs = 10'000'000;

}  // namespace

SweepSpec SweepSpec::read(const std::filesystem::path& file, bool strict) {
  JsonDocument document = read_yaml(file);
  if (strict && document.root.is_object() &&
      (!document.root.contains("flags") || document.root["flags"].is_object())) {
    document.root["flags"]["strict"] = true;
  }
  return parse(std::move(document));
}

SweepSpec SweepSpec::parse(JsonDocument document) {
  constexpr std::array<std::string_view, 6> kKeys = {"cluster", "flags", "workload",
                                                     "slo",     "grid",  "list"};
  SweepSpec spec;
  spec.document_ = std::move(document);
  const JsonView root = JsonView::root(spec.document_).object();
  refuse_unknown_keys(root, kKeys);
  check_base(spec.document_);
  if (const auto promise = root.find("slo")) {
    spec.promise_ = read_service_level(*promise);
  }
  spec.read_grid();
  spec.read_list();
  if (spec.grid_.empty() && spec.list_.size() == 1 && spec.list_.front().empty()) {
    root.fail("there is nothing to sweep over",
              "give grid: {SETTING: [VALUES]} or list: [{SETTING: VALUE}]");
  }
  spec.check_paths();
  return spec;
}

void SweepSpec::read_grid() {
  const JsonView root = JsonView::root(document_);
  const auto grid = root.find("grid");
  if (!grid) {
    return;
  }
  grid->object();
  for (const auto& [name, values] : grid->json().items()) {
    const JsonView view(document_, values, child_path(grid->path(), name));
    check_setting_name(name, view);
    view.array();
    if (values.empty()) {
      view.fail(fmt::format("'{}' has no values", name), "give at least one, or remove the name");
    }
    add_name(name);
    grid_.push_back({name, {values.begin(), values.end()}});
    size_ *= std::ssize(values);
    if (size_ > kMostConfigs) {
      view.fail(fmt::format("the grid has more than {} configurations", kMostConfigs),
                "use fewer values, or several sweeps");
    }
  }
}

void SweepSpec::read_list() {
  const JsonView root = JsonView::root(document_);
  const auto list = root.find("list");
  if (!list) {
    list_.emplace_back();
    return;
  }
  list->array();
  if (list->size() == 0) {
    list->fail("the list is empty", "give at least one {SETTING: VALUE}, or remove it");
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const JsonView entry = list->item(i).object();
    Settings& settings = list_.emplace_back();
    for (const auto& [name, value] : entry.json().items()) {
      const JsonView view(document_, value, child_path(entry.path(), name));
      check_setting_name(name, view);
      const auto in_grid = [&key = name](const Axis& axis) { return axis.name == key; };
      if (std::any_of(grid_.begin(), grid_.end(), in_grid)) {
        view.fail(fmt::format("'{}' is in the grid as well", name), "keep it in one of the two");
      }
      add_name(name);
      settings.push_back({name, value});
    }
  }
  size_ *= std::ssize(list_);
  if (size_ > kMostConfigs) {
    list->fail(fmt::format("grid and list give more than {} configurations", kMostConfigs),
               "use fewer values, or several sweeps");
  }
}

void SweepSpec::add_name(const std::string& name) {
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
    names_.push_back(name);
  }
}

Settings SweepSpec::settings(std::int64_t index) const {
  ensure(index >= 0 && index < size_, "SweepSpec: no such configuration");
  const auto entries = std::ssize(list_);
  const Settings& entry = list_[static_cast<std::size_t>(index % entries)];
  index /= entries;
  Settings settings(grid_.size());
  for (std::size_t i = grid_.size(); i-- > 0;) {
    const auto count = std::ssize(grid_[i].values);
    settings[i] = {grid_[i].name, grid_[i].values[static_cast<std::size_t>(index % count)]};
    index /= count;
  }
  settings.insert(settings.end(), entry.begin(), entry.end());
  return settings;
}

/// A path that nothing in the base's cluster file matches, or a key that no cluster has, is a slip
/// in the spec. Other cluster files are looked at when their turn comes.
void SweepSpec::check_paths() const {
  if (std::find(names_.begin(), names_.end(), "cluster") != names_.end()) {
    return;
  }
  SharedInputs inputs;
  RunDescription run = describe_run(document_, {});
  const auto known = unknown_key_warnings(make_cluster_document(run, inputs));
  for (std::int64_t entry = 0; entry < std::ssize(list_); ++entry) {
    run = describe_run(document_, {});
    std::copy_if(list_[static_cast<std::size_t>(entry)].begin(),
                 list_[static_cast<std::size_t>(entry)].end(),
                 std::back_inserter(run.cluster_edits), [](const Setting& s) {
                   return s.name.starts_with("cluster.") || s.name.starts_with("copies.");
                 });
    for (const Axis& axis : grid_) {
      if (axis.name.starts_with("cluster.") || axis.name.starts_with("copies.")) {
        run.cluster_edits.push_back({axis.name, axis.values.front()});
      }
    }
    for (const std::string& warning : unknown_key_warnings(make_cluster_document(run, inputs))) {
      if (std::find(known.begin(), known.end(), warning) == known.end()) {
        throw UserError(warning, {document_.file, document_.line_of("grid"), "grid"},
                        "correct the path in the spec");
      }
    }
  }
}

}  // namespace lockstep
