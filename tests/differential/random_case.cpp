#include "random_case.hpp"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/numeric.hpp"
#include "engine/system_fixture.hpp"
#include "power_json.hpp"

namespace lockstep::testing {
namespace {

using Json = nlohmann::ordered_json;

/// A quantity: small in the first cases and as large as may be in the hundredth.
std::int64_t draw(std::int64_t low, std::int64_t high) {
  return *rc::gen::inRange<std::int64_t>(low, high + 1);
}
/// A choice, in every case as likely as its neighbours; a case shrinks to the first.
std::int64_t choose(std::int64_t count) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::int64_t>(0, count));
}
bool coin() {
  return *rc::gen::arbitrary<bool>();
}
bool seldom() {
  return choose(4) == 3;
}
bool rarely() {
  return choose(8) == 7;
}
template <typename T>
T pick(std::initializer_list<T> choices) {
  return *(choices.begin() + choose(static_cast<std::int64_t>(choices.size())));
}

/// How the instances belong together.
enum class Form : std::uint8_t { alone, equal, unlike, group, group_and_one, handoff };
constexpr std::array kForms{"one instance", "equal instances",   "unlike instances",
                            "group",        "group and another", "prefill and decode"};

class Maker {
public:
  Case make() {
    form_ = pick(
        {Form::alone, Form::equal, Form::unlike, Form::group, Form::group_and_one, Form::handoff});
    made_.kinds.insert(kForms[static_cast<std::size_t>(form_)]);
    block_size_ = pick<std::int64_t>({16, 1, 2, 4, 8, 32});
    make_workload();
    make_flags();
    make_cluster();
    return std::move(made_);
  }

private:
  void flag(const std::string& name, const std::string& value) {
    made_.flags.push_back("--" + name);
    made_.flags.push_back(value);
  }
  void flag_if(bool given, const char* name) {
    if (given) {
      made_.flags.emplace_back(name);
      made_.kinds.insert(name);
    }
  }
  bool kind_if(bool given, const std::string& name) {
    if (given) {
      made_.kinds.insert(name);
    }
    return given;
  }

  /// Prompts are cut from few streams of tokens, so that they share prefixes.
  void add_ids(Json& call, std::int64_t input, std::int64_t output) {
    const std::int64_t stream = 1000 * choose(2);
    for (std::int64_t token = 0; token < input; ++token) {
      call["input_tok_ids"].push_back(stream + token);
    }
    for (std::int64_t token = 0; token < output; ++token) {
      call["output_tok_ids"].push_back(stream + input + token);
    }
  }

  Json call() {
    // The lower tier keeps chunks of 256 tokens.
    const std::int64_t input = draw(1, 160) + (two_tiers_ && coin() ? 512 : 0);
    const std::int64_t output = draw(1, rarely() ? 90 : 12);
    Json made{{"input_toks", input}, {"output_toks", output}};
    if (with_ids_) {
      add_ids(made, input, output);
    }
    if (seldom()) {
      made["priority"] = choose(3) - 1;
    }
    if (kind_if(with_loras_ && coin(), "adapters")) {
      made["lora"] = choose(4);
    }
    longest_ = std::max(longest_, input + output);
    return made;
  }

  void make_workload() {
    two_tiers_ = kind_if(seldom(), "prefixes in two tiers");
    with_ids_ = kind_if(two_tiers_ || coin(), "token ids");
    with_loras_ = seldom();
    const std::int64_t lines = draw(1, 10);
    const std::int64_t spread = pick<std::int64_t>({1'000, 1, 200'000, 50'000'000, 700'000'000});
    for (std::int64_t line = 0; line < lines; ++line) {
      Json made;
      const std::int64_t arrival = spread * draw(0, 12);
      if (kind_if(seldom(), "sessions")) {
        made["session_id"] = fmt::format("s{}", line);
        made["arrival_time_ns"] = arrival;
        const std::int64_t calls = draw(1, 3);
        for (std::int64_t k = 0; k < calls; ++k) {
          Json& one = made["sub_requests"].emplace_back(call());
          one["tool_duration_ns"] = pick<std::int64_t>({0, 1, 400'000, 30'000'000});
        }
      } else {
        made = call();
        made["arrival_time_ns"] = arrival;
      }
      made_.workload += made.dump() + "\n";
    }
  }

  void make_flags() {
    flag("fidelity", pick({"reference", "vllm"}));
    made_.kinds.insert(made_.flags.back());
    flag("block-size", std::to_string(block_size_));
    flag("request-routing-policy", pick({"LOAD", "RR", "RAND"}));
    flag("max-num-seqs", std::to_string(pick<std::int64_t>({128, 1, 2, 3})));
    const std::int64_t budget = pick<std::int64_t>({2048, 256, 64, 17});
    flag("max-num-batched-tokens", std::to_string(budget));
    kind_if(budget < longest_, "prompts in chunks");
    if (rarely()) {
      flag("long-prefill-token-threshold", std::to_string(draw(1, 40)));
    }
    flag_if(seldom(), "--no-enable-prefix-caching");
    flag_if(budget > 2 * longest_ && seldom(), "--no-enable-chunked-prefill");
    flag_if(coin(), "--no-reserve-full-isl");
    flag_if(seldom(), "--no-enable-block-copy");
    if (two_tiers_) {
      flag("prefix-storage", "CPU");
      flag_if(coin(), "--enable-prefix-sharing");
    }
    if (kind_if(rarely(), "other number formats")) {
      flag("dtype", pick({"bfloat16", "float16", "fp8"}));
      flag("kv-cache-dtype", pick({"auto", "fp8"}));
    }
    flag("expert-exchange", pick({"allgather-reducescatter", "alltoall"}));
    flag("expert-routing-policy", pick({"BALANCED", "RR", "RAND"}));
    if (kind_if(seldom(), "engine terms")) {
      flag("engine-terms", pick({"none", "async-scheduling", "graph-padding,host-launches"}));
    }
    flag_if(rarely(), "--enable-local-offloading");
    make_features();
  }

  void make_features() {
    flag("scheduling-policy", pick({"fcfs", "priority"}));
    kind_if(made_.flags.back() == "priority", "priorities");
    if (kind_if(seldom(), "step policies")) {
      flag("step-policy", pick({"mixed", "prefill-first", "decode-first"}));
    }
    if (kind_if(rarely(), "speculative decoding")) {
      flag("speculative-tokens", std::to_string(1 + choose(4)));
      flag("acceptance-rate", pick({"0", "0.6", "1"}));
      flag("draft-cost-us", pick({"0", "12.5"}));
    }
    if (with_loras_) {
      flag("max-loras", std::to_string(1 + choose(4)));
      flag("lora-load-bandwidth", pick({"0", "20"}));
    }
  }

  Json instance(std::int64_t members) {
    const bool moe = coin();
    Json made;
    made["model_name"] = fmt::format("toy/{}{}", coin() ? "deep_" : "", moe ? "moe" : "dense");
    made["hardware"] = "RTXPRO6000";
    made["npu_mem"] = {{"mem_size", 8}, {"mem_bw", pick({1597, 100})}, {"mem_latency", 0}};
    const std::int64_t tp = pick<std::int64_t>({1, 2, 4});
    const std::int64_t pp = rarely() ? 2 : 1;
    kind_if(tp > 1, "tensor parallelism");
    kind_if(pp > 1, "pipeline");
    made["num_npus"] = tp * pp;
    made["tp_size"] = tp;
    made["pp_size"] = pp;
    if (moe) {
      // Over a group the experts lie on a multiple of its members, at most on all ranks.
      made["ep_size"] =
          std::min(kToyExperts, members * std::min(tp, pick<std::int64_t>({1, 2, 4})));
      kind_if(made["ep_size"] > 1, "expert parallelism");
    }
    made["pd_type"] = nullptr;
    if (kind_if(coin(), "little memory")) {  // whole sequences fit, and little beside them
      made["num_gpu_blocks"] = ceil_div(longest_, block_size_) + choose(6);
    }
    if (kind_if(rarely(), "placement")) {
      made["placement"]["default"] = {{"weights", pick({"npu", "cpu"})}, {"kv_evict_loc", "cpu"}};
    }
    return made;
  }

  void make_cluster() {
    std::vector<Json> instances;
    const bool grouped = form_ == Form::group || form_ == Form::group_and_one;
    const std::int64_t equal = form_ == Form::alone || form_ == Form::unlike ? 1
                               : grouped ? pick<std::int64_t>({2, 4})
                                         : 2 + choose(2);
    const Json first = instance(grouped ? equal : 1);
    instances.assign(static_cast<std::size_t>(equal), first);
    for (Json& made : instances) {
      if (grouped) {
        made["dp_group"] = "A";
      }
    }
    if (form_ == Form::unlike || form_ == Form::group_and_one) {
      instances.push_back(instance(1));
    }
    if (form_ == Form::handoff) {
      const std::size_t prefill = instances.size() > 2 && coin() ? 2 : 1;
      for (std::size_t k = 0; k < instances.size(); ++k) {
        instances[k]["pd_type"] = k < prefill ? "prefill" : "decode";
      }
    }
    Json made{
        {"num_nodes", 1}, {"link_bw", pick({16, 2, 400})}, {"link_latency", pick({20000, 0, 300})}};
    if (kind_if(rarely(), "other networks")) {
      made["network"] = {
          {"collective_algorithm", pick({"ring", "direct", "halvingDoubling", "doubleBinaryTree"})},
          {"topology", pick({"FullyConnected", "Ring", "Switch"})},
          {"congestion", pick({"unaware", "aware"})}};
    }
    Json node{{"num_instances", instances.size()},
              {"cpu_mem", {{"mem_size", 8}, {"mem_bw", pick({256, 8})}, {"mem_latency", 0}}},
              {"instances", instances}};
    if (kind_if(rarely(), "power")) {
      node["power"] = power_of_a_node();
    }
    made["nodes"] = Json::array({node});
    made_.cluster = made.dump(2) + "\n";
  }

  Case made_;
  Form form_ = Form::alone;
  std::int64_t block_size_ = 16;
  std::int64_t longest_ = 0;
  bool two_tiers_ = false;
  bool with_ids_ = false;
  bool with_loras_ = false;
};

}  // namespace

Case random_case() {
  return Maker().make();
}

void write_case(const Case& written, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  fs::create_directories(folder);
  std::ofstream(folder / "cluster.json") << written.cluster;
  std::ofstream(folder / "workload.jsonl") << written.workload;
  fs::copy(ToyModels::paths().models.front(), folder / "models",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  std::string flags;
  for (const std::string& word : written.flags) {
    flags += " " + word;
  }
  std::ofstream(folder / "flags") << flags.substr(1) << "\n";
  std::ofstream(folder / "run.sh")
      << "#!/bin/bash\n# usage: run.sh PATH/TO/lockstep [further flags]\ncd \"$(dirname \"$0\")\"\n"
         "exec \"$1\" run --cluster-config cluster.json --dataset workload.jsonl --model-dir "
         "models \\\n "
      << flags << " \"${@:2}\"\n";
}

}  // namespace lockstep::testing
