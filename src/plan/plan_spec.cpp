#include "plan/plan_spec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "perf/gpu_facts.hpp"
#include "sweep/yaml_document.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostGpus = 1 << 16;

template <class Value, class Read>
void read_list(const JsonView& search, std::string_view key, std::vector<Value>& list, Read read) {
  const auto view = search.find(key);
  if (!view) {
    return;
  }
  view->array();
  if (view->size() == 0) {
    view->fail(fmt::format("'{}' has no values", view->path()),
               "give at least one, or remove the key");
  }
  list.clear();
  for (std::size_t i = 0; i < view->size(); ++i) {
    list.push_back(read(view->item(i)));
  }
}

std::int64_t read_degree(const JsonView& view) {
  return view.integer_between(1, kMostGpus);
}

std::optional<std::int64_t> read_limit(const JsonView& view) {
  return view.integer_between(0, std::int64_t{1} << 40);
}

/// "none", or "1:3": one prefill instance for three decode instances.
PdSplit read_split(const JsonView& view) {
  if (view.json().is_null() || view.json() == "none") {
    return {};
  }
  const std::string text = view.text();
  PdSplit split;
  char end = 0;
  long prefill = 0;
  long decode = 0;
  if (std::sscanf(text.c_str(), "%4ld:%4ld%c", &prefill, &decode, &end) != 2 || prefill < 1 ||
      decode < 1) {
    view.fail(fmt::format("'{}' is no split", text),
              "write none, or PREFILL:DECODE instances in quotes, such as \"1:3\"");
  }
  split.prefill = prefill;
  split.decode = decode;
  return split;
}

PlanSpace read_space(const JsonView& search) {
  constexpr std::array<std::string_view, 10> kKeys = {"instances",
                                                      "tp",
                                                      "pp",
                                                      "ep",
                                                      "dp",
                                                      "pd",
                                                      "max_num_seqs",
                                                      "max_num_batched_tokens",
                                                      "chunked_prefill",
                                                      "kv_cache_dtype"};
  search.object();
  refuse_unknown_keys(search, kKeys);
  PlanSpace space;
  read_list(search, "instances", space.instances, read_degree);
  read_list(search, "tp", space.tp, read_degree);
  read_list(search, "pp", space.pp, read_degree);
  read_list(search, "dp", space.dp, read_degree);
  read_list(search, "ep", space.ep, [](const JsonView& view) {
    return view.json() == "all" ? std::nullopt : std::optional(read_degree(view));
  });
  read_list(search, "pd", space.pd, read_split);
  read_list(search, "max_num_seqs", space.max_num_seqs, read_limit);
  read_list(search, "max_num_batched_tokens", space.max_num_batched_tokens, read_limit);
  read_list(search, "chunked_prefill", space.chunked_prefill,
            [](const JsonView& view) { return std::optional(view.boolean()); });
  read_list(search, "kv_cache_dtype", space.kv_cache_dtype, [](const JsonView& view) {
    const std::string name = view.text();
    if (name != "auto" && name != "fp8") {
      view.fail(fmt::format("unknown KV type '{}'", name), "take auto or fp8");
    }
    return name;
  });
  std::sort(space.instances.begin(), space.instances.end());
  space.instances.erase(std::unique(space.instances.begin(), space.instances.end()),
                        space.instances.end());
  return space;
}

PlanHardware read_hardware(const JsonView& view, GpuCatalog& catalog) {
  constexpr std::array<std::string_view, 8> kKeys = {"name",      "price",       "gpus_per_node",
                                                     "most_gpus", "npu_mem",     "cpu_mem",
                                                     "link_bw",   "link_latency"};
  view.object();
  refuse_unknown_keys(view, kKeys);
  PlanHardware hardware;
  hardware.name = view.require("name", "a kind of hardware").text();
  hardware.price = view.require("price", "a kind of hardware").number_above(0);
  if (const auto count = view.find("gpus_per_node")) {
    hardware.gpus_per_node = read_degree(*count);
  }
  if (const auto count = view.find("most_gpus")) {
    hardware.most_gpus = read_degree(*count);
  }
  const auto facts = catalog.find(hardware.name);
  if (const auto memory = view.find("npu_mem")) {
    hardware.npu_mem = memory->object().json();
  } else if (facts) {
    hardware.npu_mem = {
        {"mem_size", facts->memory_gb}, {"mem_bw", facts->bandwidth}, {"mem_latency", 0}};
  } else {
    view.fail(fmt::format("the memory of '{}' is not known", hardware.name),
              fmt::format("give npu_mem: {{mem_size, mem_bw, mem_latency}}; known are {}",
                          catalog.known()));
  }
  const auto cpu = view.find("cpu_mem");
  hardware.cpu_mem =
      cpu ? cpu->object().json() : Json{{"mem_size", 512}, {"mem_bw", 256}, {"mem_latency", 0}};
  hardware.link_bw = view.require("link_bw", "a kind of hardware").json();
  hardware.link_latency = view.require("link_latency", "a kind of hardware").json();
  return hardware;
}

void read_promises(const JsonView& view, PlanSpec& spec) {
  constexpr std::array<std::string_view, 9> kKeys = {"ttft_p99_ms",    "tpot_p99_ms", "itl_p99_ms",
                                                     "latency_p99_ms", "goodput",     "ttft_ms",
                                                     "tpot_ms",        "itl_ms",      "latency_ms"};
  constexpr std::size_t kPercentiles = 4;
  view.object();
  refuse_unknown_keys(view, kKeys);
  JsonDocument promises;
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    const auto limit = view.find(kKeys[i]);
    if (limit && i < kPercentiles) {
      spec.limits.push_back({kKeys[i], limit->number_above(0), false});
    } else if (limit && i > kPercentiles) {
      promises.root[std::string(kKeys[i])] = limit->json();
      promises.lines[std::string(kKeys[i])] = limit->where().line;
    }
  }
  if (!promises.root.is_null()) {
    promises.file = view.where().file;
    spec.promise = read_service_level(JsonView::root(promises));
  }
  const auto goodput = view.find("goodput");
  if (goodput.has_value() != spec.promise.any()) {
    view.fail("goodput and the limits of a good request belong together",
              "give goodput: SHARE with at least one of ttft_ms, tpot_ms, itl_ms, latency_ms");
  }
  if (goodput) {
    const double share = goodput->number_above(0);
    if (share > 1) {
      goodput->fail(fmt::format("goodput is {}", share), "give a share, such as 0.99");
    }
    spec.limits.push_back({"goodput", share, true});
  }
  if (spec.limits.empty()) {
    view.fail("nothing is promised", "give at least one limit, such as ttft_p99_ms");
  }
}

}  // namespace

PlanSpec read_plan_spec(const std::filesystem::path& file) {
  return parse_plan_spec(read_yaml(file));
}

PlanSpec parse_plan_spec(const JsonDocument& document) {
  constexpr std::array<std::string_view, 8> kKeys = {"model",    "flags",  "workload", "slo",
                                                     "hardware", "search", "seeds",    "precision"};
  const JsonView root = JsonView::root(document).object();
  refuse_unknown_keys(root, kKeys);
  PlanSpec spec;
  spec.model = root.require("model", "the file").text();
  JsonDocument base = document;  // a description's base, whose cluster comes later
  base.root["cluster"] = "";
  check_base(base);
  Settings settings;
  const auto flags = root.find("flags");
  if (!flags || !flags->find("fidelity")) {
    settings.push_back({"flag.fidelity", "vllm"});
  }
  RunDescription run = describe_run(base, settings);
  spec.flags = std::move(run.flags);
  spec.workload = std::move(run.workload);
  read_promises(root.require("slo", "the file"), spec);
  GpuCatalog catalog;
  const JsonView hardware = root.require("hardware", "the file").array();
  if (hardware.size() == 0) {
    hardware.fail("there is no hardware", "give at least one kind");
  }
  for (std::size_t i = 0; i < hardware.size(); ++i) {
    spec.hardware.push_back(read_hardware(hardware.item(i), catalog));
  }
  if (const auto search = root.find("search")) {
    spec.space = read_space(*search);
  }
  if (const auto seeds = root.find("seeds")) {
    spec.seeds = seeds->integer_between(1, 30);
  }
  if (!spec.workload.file.empty()) {
    spec.seeds = 1;  // a file has no seed
  }
  if (const auto precision = root.find("precision")) {
    spec.precision = precision->number_above(0);
    if (spec.precision > 1) {
      precision->fail("the precision is above 1", "give a share, such as 0.05");
    }
  }
  return spec;
}

}  // namespace lockstep
