// Reads the recorded network figures.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/csv.hpp"
#include "network/closed_form.hpp"

namespace lockstep::testing {

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    parts.push_back(part);
  }
  return parts;
}

/// From the columns topology, npus_per_dim, bandwidth_gbps and latency_ns.
inline std::vector<Topology::Dimension> dims_of(const CsvRow& row) {
  const std::vector<std::string> kinds = split(row.text("topology"), '_');
  const std::vector<std::string> npus = split(row.text("npus_per_dim"), 'x');
  const std::vector<std::string> bandwidths = split(row.text("bandwidth_gbps"), '_');
  const std::vector<std::string> latencies = split(row.text("latency_ns"), '_');
  std::vector<Topology::Dimension> dims;
  for (std::size_t d = 0; d < kinds.size(); ++d) {
    dims.push_back({topology_from_name(kinds[d]).value(), std::stoll(npus.at(d)),
                    std::stod(bandwidths.at(d)), std::stod(latencies.at(d))});
  }
  return dims;
}

struct CollectiveVector {
  std::string line;
  std::vector<Topology::Dimension> dims;
  CollectiveAlgorithm algorithm;
  CollectiveRequest request;
  std::optional<CollectiveSpan> finish;  ///< nothing where the reference hangs or aborts
};

inline CollectiveVector collective_vector(const CsvRow& row) {
  CollectiveVector vector;
  for (const char* column : {"collective", "implementation", "topology", "npus_per_dim",
                             "bandwidth_gbps", "latency_ns", "involved_dim", "size_bytes"}) {
    vector.line += row.text(column) + " ";
  }
  vector.dims = dims_of(row);
  vector.algorithm = algorithm_from_name(row.text("implementation"));
  vector.request.kind = collective_from_name(row.text("collective")).value();
  vector.request.size = Bytes{row.integer("size_bytes")};
  const std::string& involved = row.text("involved_dim");
  if (involved != "all") {
    vector.request.mask.count = static_cast<std::uint8_t>(involved.size());
    for (std::size_t d = 0; d < involved.size(); ++d) {
      vector.request.mask.bits |= involved[d] == '1' ? 1U << d : 0U;
    }
  }
  if (!row.text("finish_last_ns").empty()) {
    vector.finish =
        CollectiveSpan{Nanos{row.integer("finish_first_ns")}, Nanos{row.integer("finish_last_ns")}};
  }
  return vector;
}

inline std::vector<CollectiveVector> collective_vectors(const std::filesystem::path& file) {
  std::vector<CollectiveVector> vectors;
  for (const CsvRow& row : read_csv(file)) {
    vectors.push_back(collective_vector(row));
  }
  return vectors;
}

}  // namespace lockstep::testing
