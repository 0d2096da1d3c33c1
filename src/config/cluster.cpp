// Reads a cluster file. The order of the checks is part of the behaviour: a file with several
// mistakes shows the one that is met first.
#include "config/cluster.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/read_log.hpp"
#include "config/autoscaling_reader.hpp"
#include "config/cluster_checks.hpp"
#include "config/cluster_document.hpp"
#include "config/degrees.hpp"
#include "config/described_model.hpp"
#include "config/dp_groups.hpp"
#include "config/failure_reader.hpp"
#include "config/instance_settings.hpp"
#include "config/json_view.hpp"
#include "config/known_keys.hpp"
#include "config/network_plan.hpp"
#include "config/network_reader.hpp"
#include "config/node_memory.hpp"
#include "config/path_name.hpp"
#include "config/placement_reader.hpp"
#include "config/power_reader.hpp"
#include "config/run_options_check.hpp"
#include "model/description/plain_config.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kMostDevices = 65536;

std::string mend_count(const char* key, const char* what, std::size_t count) {
  return count == 0 ? fmt::format("add at least one {} to the list", what)
                    : fmt::format("set {} to {}, or correct the list", key, count);
}

class Loader {
public:
  Loader(const JsonDocument& document, const RunOptions& options, const SearchPaths& paths)
      : top_(JsonView::root(document)),
        options_(options),
        paths_(paths),
        policy_(FidelityPolicy::for_mode(options.fidelity)),
        described_(options, paths) {}

  Cluster load(std::vector<std::string> warnings) {
    cluster_.warnings = std::move(warnings);
    top_.object();
    scan_offloading();
    open_nodes();
    read_cxl();
    check_node_keys();
    cluster_.power = check_power(nodes_, cluster_.attn_offloading, cluster_.warnings);
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      read_node(n);
    }
    check_size(top_, cluster_);
    number_npus(cluster_);
    form_dp_groups(cluster_, instances_, policy_);
    check_prefill_decode(cluster_, instances_);
    if (!policy_.heads_split_unevenly) {
      check_head_split(cluster_, instances_);
    }
    plan_grids(cluster_);
    read_links(cluster_, top_);
    read_network_settings(cluster_, top_);
    finish_instances();
    if (options_.calibration && options_.fidelity != Fidelity::reference) {
      calibrate(cluster_, read_step_calibration(*options_.calibration));
    }
    warn_of_unlike_pairs(cluster_);
    check_consistency(cluster_, options_);
    read_autoscaling(top_, options_, cluster_);
    return std::move(cluster_);
  }

private:
  /// Offloading in one instance needs the memory figures of every node.
  void scan_offloading() {
    cluster_.local_offloading = options_.enable_local_offloading;
    cluster_.attn_offloading = options_.enable_attn_offloading;
    const auto nodes = top_.find("nodes");
    for (std::size_t n = 0; nodes && nodes->json().is_array() && n < nodes->size(); ++n) {
      const JsonView node = nodes->item(n);
      const auto list = node.json().is_object() ? node.find("instances") : std::nullopt;
      for (std::size_t i = 0; list && list->json().is_array() && i < list->size(); ++i) {
        const JsonView instance = list->item(i);
        const auto on = [&](std::string_view key) {
          const auto value = instance.json().is_object() ? instance.find(key) : std::nullopt;
          return value && value->boolean();
        };
        cluster_.local_offloading = on("enable_local_offloading") || cluster_.local_offloading;
        cluster_.attn_offloading = on("enable_attn_offloading") || cluster_.attn_offloading;
      }
    }
  }

  void open_nodes() {
    const JsonView count = top_.require("num_nodes", "cluster configuration");
    const JsonView nodes = top_.require("nodes", "cluster configuration").array();
    if (count.integer() != static_cast<std::int64_t>(nodes.size())) {
      count.fail(fmt::format("Number of nodes ({}) does not match 'num_nodes' ({}).", nodes.size(),
                             count.integer()),
                 mend_count("num_nodes", "node", nodes.size()));
    }
    if (!top_.find("link_bw") || !top_.find("link_latency")) {
      top_.fail("Both 'link_bw' and 'link_latency' must be specified in the cluster configuration.",
                "add \"link_bw\": <GB/s> and \"link_latency\": <ns>");
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      nodes_.push_back(nodes.item(n).object());
    }
    cluster_.nodes.resize(nodes.size());
  }

  void read_cxl() {
    const auto view = top_.find("cxl_mem");
    if (!view) {
      return;
    }
    CxlMemory cxl;
    cxl.figures = read_memory_figures(*view, "cxl_mem");
    if (const auto devices = view->find("num_devices")) {
      cxl.num_devices = devices->integer_between(1, kMostDevices);
    }
    cluster_.cxl = cxl;
  }

  void check_node_keys() {
    for (const JsonView& node : nodes_) {
      for (const std::string_view key : {"num_instances", "cpu_mem", "instances"}) {
        static_cast<void>(node.require(key, "node configuration"));
      }
    }
  }

  void read_node(std::size_t n) {
    const JsonView& node = nodes_[n];
    const JsonView list = node.require("instances", "node configuration").array();
    const std::size_t first = cluster_.instances.size();
    for (std::size_t i = 0; i < list.size(); ++i) {
      instances_.push_back(list.item(i).object());
      cluster_.instances.push_back(read_instance(instances_.back(), n));
    }
    const JsonView count = node.require("num_instances", "node configuration");
    if (count.integer() != static_cast<std::int64_t>(list.size())) {
      count.fail(fmt::format("Number of instances ({}) does not match 'num_instances' ({}).",
                             list.size(), count.integer()),
                 mend_count("num_instances", "instance", list.size()));
    }
    read_cpu_memory(node.require("cpu_mem", "node configuration").object(),
                    cluster_.attn_offloading, paths_.pim, cluster_.nodes[n], cluster_.warnings);
    std::vector<const Instance*> own;
    for (std::size_t i = first; i < cluster_.instances.size(); ++i) {
      finish_node_instance(cluster_.instances[i], i - first);
      own.push_back(&cluster_.instances[i]);
    }
    if (!own.empty()) {
      const double bandwidth = own.front()->npu_mem.bandwidth;
      cluster_.local_mem_bandwidth =
          policy_.integer_memory_figures ? std::trunc(bandwidth) : bandwidth;
    }
    if (cluster_.power) {
      cluster_.nodes[n].power = read_power(node, cluster_.nodes[n], own,
                                           policy_.dram_idle_power_always_noted, cluster_.warnings);
    }
  }

  /// The part that needs no memory figures: model and degrees.
  Instance read_instance(const JsonView& view, std::size_t node) {
    for (const std::string_view key : {"model_name", "hardware", "npu_mem", "pd_type"}) {
      static_cast<void>(view.require(key, "instance configuration"));
    }
    Instance instance;
    instance.id = static_cast<std::int32_t>(cluster_.instances.size());
    instance.node = static_cast<std::int32_t>(node);
    instance.hardware = path_name(view.require("hardware", "instance configuration"));
    take_model(view, instance);
    const Degrees degrees = resolve_degrees(view, *instance.model, cluster_.warnings);
    instance.num_npus = degrees.num_npus;
    instance.tp = degrees.tp;
    instance.pp = degrees.pp;
    instance.ep = degrees.ep;
    return instance;
  }

  void take_model(const JsonView& instance_view, Instance& instance) {
    const JsonView view = instance_view.require("model_name", "instance configuration");
    std::string name = view.text();
    name = name.ends_with(".json") ? name : path_name(view);  // a file's path is taken as it is
    instance.description = described_.find(instance_view, name);
    instance.model = instance.description
                         ? std::make_shared<const ModelConfig>(plain_config(*instance.description))
                         : model(view, name);
  }

  std::shared_ptr<const ModelConfig> model(const JsonView& view, const std::string& name) {
    std::shared_ptr<const ModelConfig>& known = models_[name];
    if (known) {
      return known;
    }
    try {
      known = std::make_shared<const ModelConfig>(find_model_config(paths_.models, name));
    } catch (const UserError& error) {
      if (!error.where().file.empty()) {
        throw;  // a mistake inside the model's file
      }
      std::vector<std::string> places;
      for (const auto& dir : paths_.models) {
        places.push_back((dir / (name + ".json")).string());
      }
      view.fail(fmt::format("Config file for model '{}' not found. Checked: {}. Please add the "
                            "corresponding config file.",
                            name, fmt::join(places, ", ")),
                error.mend());
    }
    return known;
  }

  void finish_node_instance(Instance& instance, std::size_t index_in_node) {
    const JsonView& view = instances_[static_cast<std::size_t>(instance.id)];
    instance.npu_mem =
        read_memory_figures(view.require("npu_mem", "instance configuration"), "npu_mem");
    if (const auto type = view.find("pd_type")) {
      const std::string name = type->json().is_string() ? type->text() : type->json().dump();
      if (name != "prefill" && name != "decode") {
        type->fail(fmt::format("Invalid pd_type '{}' in instance {}. Must be 'prefill', "
                               "'decode', or omitted.",
                               name, index_in_node),
                   "use \"prefill\", \"decode\" or null");
      }
      instance.pd = name == "prefill" ? PdType::prefill : PdType::decode;
    }
    instance.placement =
        read_placement(view, instance.node, instance.model->num_hidden_layers, cluster_.warnings);
  }

  void finish_instances() {
    for (const Instance& instance : cluster_.instances) {
      check_placement(instances_[static_cast<std::size_t>(instance.id)], instance.placement,
                      cluster_);
    }
    for (Instance& instance : cluster_.instances) {
      read_settings(instances_[static_cast<std::size_t>(instance.id)], options_, instance);
      read_failures(instances_[static_cast<std::size_t>(instance.id)], options_, instance);
      if (instance.description) {
        settle_described(instance, cluster_.warnings);
      }
    }
    check_described(cluster_, instances_, options_);
  }

  JsonView top_;
  const RunOptions& options_;
  const SearchPaths& paths_;
  FidelityPolicy policy_;
  Cluster cluster_;
  std::vector<JsonView> nodes_;
  std::vector<JsonView> instances_;  ///< by instance id
  std::map<std::string, std::shared_ptr<const ModelConfig>> models_;
  DescribedModels described_;
};

Cluster resolve(const JsonDocument& document, const RunOptions& options, const SearchPaths& paths) {
  std::vector<std::string> warnings = unknown_key_warnings(document);
  if (options.strict && !warnings.empty()) {
    throw UserError(warnings.front(), {document.file, 0, ""},
                    "correct or remove the key; --no-strict lets it pass with a warning");
  }
  return Loader(document, options, paths).load(std::move(warnings));
}

}  // namespace

void calibrate(Cluster& cluster, const std::shared_ptr<const StepCalibration>& calibration) {
  for (Instance& instance : cluster.instances) {
    const auto members =
        instance.dp_group
            ? std::ssize(cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)].members)
            : 1;
    const StepTerms* terms =
        calibration->find(instance.hardware, instance.model->name, instance.tp, members);
    instance.calibration =
        terms != nullptr ? std::shared_ptr<const StepTerms>(calibration, terms) : nullptr;
  }
}

Cluster load_cluster(const std::filesystem::path& file, const RunOptions& options,
                     const SearchPaths& paths) {
  check_run_options(options);
  ReadLog::note(file, "cluster");
  return resolve(JsonDocument::read(file), options, paths);
}

Cluster parse_cluster(std::string_view json, std::string name, const RunOptions& options,
                      const SearchPaths& paths) {
  check_run_options(options);
  return resolve(JsonDocument::parse(json, std::move(name)), options, paths);
}

Cluster resolve_cluster(const JsonDocument& document, const RunOptions& options,
                        const SearchPaths& paths) {
  check_run_options(options);
  return resolve(document, options, paths);
}

}  // namespace lockstep
