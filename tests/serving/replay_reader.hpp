// Reads the files of a recorded run for replay.hpp.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include "replay.hpp"
#include "workload/workload.hpp"

namespace lockstep::testing {

using Row = std::map<std::string, std::string>;

inline std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

inline std::vector<Row> read_csv(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = split_csv(line);
  std::vector<Row> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> fields = split_csv(line);
    Row& row = rows.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) {
      row[names[i]] = fields.at(i);
    }
  }
  return rows;
}

inline std::vector<std::int64_t> numbers(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '[' || c == ']' || c == ','; }, ' ');
  std::istringstream in(text);
  std::vector<std::int64_t> out;
  for (std::int64_t value = 0; in >> value;) {
    out.push_back(value);
  }
  return out;
}

/// The flags that matter to serving; the others are skipped with their values.
inline RunOptions parse_flags(const std::string& text) {
  RunOptions options;
  options.dtype = DataType::bfloat16;
  std::istringstream in(text);
  const auto number = [&in] {
    std::int64_t value = 0;
    in >> value;
    return value;
  };
  const auto word = [&in] {
    std::string value;
    in >> value;
    return value;
  };
  for (std::string flag; in >> flag;) {
    if (flag == "--block-size") {
      options.block_size = number();
    } else if (flag == "--max-num-seqs") {
      options.max_num_seqs = number();
    } else if (flag == "--max-num-batched-tokens") {
      options.max_num_batched_tokens = number();
    } else if (flag == "--long-prefill-token-threshold") {
      options.long_prefill_token_threshold = number();
    } else if (flag == "--npu-memory-utilization") {
      in >> options.npu_memory_utilization;
    } else if (flag == "--no-enable-prefix-caching") {
      options.enable_prefix_caching = false;
    } else if (flag == "--no-reserve-full-isl") {
      options.reserve_full_isl = false;
    } else if (flag == "--enable-prefix-sharing") {
      options.enable_prefix_sharing = true;
    } else if (flag == "--enable-attn-offloading") {
      options.enable_attn_offloading = true;
    } else if (flag == "--enable-sub-batch-interleaving") {
      options.enable_sub_batch_interleaving = true;
    } else if (flag == "--enable-local-offloading") {
      options.enable_local_offloading = true;
    } else if (flag == "--skip-prefill") {
      options.skip_prefill = true;
    } else if (flag == "--prefix-storage") {
      const std::string name = word();
      options.prefix_storage = name == "CPU"   ? PrefixStorage::cpu
                               : name == "CXL" ? PrefixStorage::cxl
                                               : PrefixStorage::none;
    } else if (flag == "--request-routing-policy") {
      const std::string name = word();
      options.request_routing_policy = name == "RR"     ? RoutingPolicy::round_robin
                                       : name == "RAND" ? RoutingPolicy::random
                                                        : RoutingPolicy::load;
    } else if (flag == "--dtype") {
      options.dtype = data_type_from_name(word());
    } else if (flag == "--kv-cache-dtype") {
      options.kv_cache_dtype = word() == "fp8" ? KvCacheType::fp8 : KvCacheType::automatic;
    }
  }
  return options;
}

inline RecordedBatch recorded_batch(const Row& row) {
  RecordedBatch batch;
  batch.instance = std::stoul(row.at("instance"));
  batch.formed = Nanos{std::stoll(row.at("batch_time_ns"))};
  batch.requests = numbers(row.at("request_ids"));
  batch.with_write_through = row.count("write_through") == 1;
  batch.content = fmt::format("q {} k {} d {} load {} send {} of {}", row.at("prefill_q"),
                              row.at("prefill_k"), row.at("decode_k"), row.at("load"),
                              row.at("pd_kv_send_tokens"), row.at("request_ids"));
  if (batch.with_write_through) {
    batch.content += fmt::format(" write {}", row.at("write_through"));
  }
  return batch;
}

inline RecordedRequest recorded_request(const Row& row) {
  RecordedRequest request;
  request.id = std::stoll(row.at("request id"));
  request.times = row.at("instance id");
  for (const char* name : {"request id", "input", "output", "arrival", "end_time", "latency",
                           "queuing_delay", "TTFT", "TPOT"}) {
    request.times += fmt::format(" {}", row.at(name));
  }
  std::int64_t time = 0;  // a skipped prefill counts its first gap from zero
  if (row.at("TTFT") != "-1") {
    time = std::stoll(row.at("arrival")) + std::stoll(row.at("TTFT"));
    request.tokens.emplace_back(time);
  }
  for (const std::int64_t gap : numbers(row.at("ITL"))) {
    time += gap;
    request.tokens.emplace_back(time);
    request.times += fmt::format(" {}", gap);
  }
  return request;
}

inline Recording read_recording(const ReplayFiles& files, const std::filesystem::path& reference) {
  Recording recording;
  recording.options = parse_flags(files.flags);
  const SearchPaths paths{{reference / "configs/model"}, {reference / "configs/pim"}};
  recording.cluster = load_cluster(files.config, recording.options, paths);
  recording.workload = read_workload(files.workload, {files.num_reqs, true});
  for (const Row& row : read_csv(files.iterations)) {
    recording.batches.push_back(recorded_batch(row));
  }
  // A wave's programs are made when its last member joins, later than some of its batches.
  std::stable_sort(recording.batches.begin(), recording.batches.end(),
                   [](const auto& a, const auto& b) { return a.formed < b.formed; });
  for (const Row& row : read_csv(files.results)) {
    recording.results.push_back(recorded_request(row));
  }
  return recording;
}

}  // namespace lockstep::testing
