// Reads a result file back into requests, for tests that write it again or recompute its summary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "config/cluster.hpp"
#include "engine/run_result.hpp"

namespace lockstep::testing {

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    throw std::runtime_error("cannot read " + file.string());
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Finished requests by instance, in file order, with the model of each instance.
struct FinishedRequests {
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<std::vector<const Request*>> done;
  Cluster cluster;

  [[nodiscard]] std::size_t rows() const { return requests.size(); }
  /// Raises the number of instances, for those that finished nothing.
  void resize(std::size_t instances) {
    done.resize(instances);
    cluster.instances.resize(instances);
  }
};

/// Fields of one row: commas outside quotes separate. Quotes are dropped.
inline std::vector<std::string> csv_fields(std::string_view row) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : row) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

inline std::vector<Nanos> parse_itl(const std::string& text) {
  std::vector<Nanos> values;
  std::istringstream stream(text.substr(1, text.size() - 2));
  for (std::string entry; std::getline(stream, entry, ',');) {
    values.emplace_back(std::stoll(entry));
  }
  return values;
}

inline Request request_of(const std::vector<std::string>& fields) {
  const auto number = [&fields](std::size_t i) { return std::stoll(fields.at(i)); };
  Request request;
  request.instance = static_cast<std::int32_t>(number(0));
  request.id = number(1);
  request.input = number(3);
  request.output = number(3) + number(4);
  request.arrival = Nanos{number(5)};
  request.end_time = Nanos{number(6)};
  request.latency = Nanos{number(7)};
  request.queuing_delay = Nanos{number(8)};
  request.ttft = Nanos{number(9)};
  request.tpot = Nanos{number(10)};
  request.itl = parse_itl(fields.at(11));
  return request;
}

inline FinishedRequests parse_request_csv(const std::string& bytes) {
  FinishedRequests finished;
  std::size_t at = bytes.find("\r\n") + 2;
  while (at < bytes.size()) {
    const std::size_t end = bytes.find("\r\n", at);
    const auto fields = csv_fields(std::string_view(bytes).substr(at, end - at));
    at = end + 2;
    auto request = std::make_unique<Request>(request_of(fields));
    const auto instance = static_cast<std::size_t>(request->instance);
    if (instance >= finished.done.size()) {
      finished.resize(instance + 1);
    }
    auto model = std::make_shared<ModelConfig>();
    model->name = fields.at(2);
    finished.cluster.instances[instance].model = model;
    finished.done[instance].push_back(request.get());
    finished.requests.push_back(std::move(request));
  }
  return finished;
}

}  // namespace lockstep::testing
