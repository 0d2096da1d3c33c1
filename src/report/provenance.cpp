#include "report/provenance.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "report/byte_digest.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProvenanceFormat = "lockstep-provenance";
constexpr int kProvenanceVersion = 1;

[[noreturn]] void cannot_read(const fs::path& file) {
  throw UserError("cannot read this file", Where{file.string(), 0, {}},
                  "check that it exists and that you may read it");
}

std::string file_hash(const fs::path& file, std::int64_t& bytes) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    cannot_read(file);
  }
  ByteDigest digest;
  std::vector<char> block(std::size_t{1} << 18U);
  while (in.read(block.data(), std::ssize(block)) || in.gcount() > 0) {
    digest.update({block.data(), static_cast<std::size_t>(in.gcount())});
    bytes += in.gcount();
  }
  if (in.bad()) {
    cannot_read(file);
  }
  return digest.hex();
}

nlohmann::ordered_json fingerprint_json(const FileFingerprint& file) {
  nlohmann::ordered_json out;
  if (!file.role.empty()) {
    out["role"] = file.role;
  }
  out["path"] = file.path.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(file.path);
  const bool known = !file.xxh128.empty();
  out["bytes"] = known ? nlohmann::ordered_json(file.bytes) : nlohmann::ordered_json();
  out["xxh128"] = known ? nlohmann::ordered_json(file.xxh128) : nlohmann::ordered_json();
  return out;
}

/// Members of the stored object; every complaint names file and key.
class ProvenanceReader {
public:
  using Json = nlohmann::ordered_json;
  ProvenanceReader(const Json& json, std::string file) : json_(json), file_(std::move(file)) {}

  [[noreturn]] void fail(const std::string& key, const std::string& problem) const {
    throw UserError(problem, Where{file_, 0, key},
                    "give a result file with the .provenance.json that `lockstep run` wrote beside "
                    "it, or a run file or summary of this version");
  }
  template <class Value>
  [[nodiscard]] Value get(const std::string& key) const {
    const auto found = json_.find(key);
    try {
      if (found != json_.end()) {
        return found->get<Value>();
      }
    } catch (const Json::exception&) {
      fail(key, fmt::format("'{}' has the wrong type", key));
    }
    fail(key, fmt::format("'{}' is missing", key));
  }
  [[nodiscard]] FileFingerprint fingerprint(const Json& json, const std::string& key) const {
    const auto text = [&](const char* name) {
      const auto found = json.find(name);
      return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    if (!json.is_object()) {
      fail(key, fmt::format("'{}' is no description of a file", key));
    }
    FileFingerprint file{text("role"), text("path"), 0, text("xxh128")};
    if (const auto bytes = json.find("bytes"); bytes != json.end() && bytes->is_number_integer()) {
      file.bytes = bytes->get<std::int64_t>();
    }
    return file;
  }

private:
  const Json& json_;
  std::string file_;
};

/// The object itself, or the one within a run file or summary.
const nlohmann::ordered_json& provenance_in(const nlohmann::ordered_json& json,
                                            const ProvenanceReader& reader) {
  const auto* inner = &json;
  for (const char* key : {"summary", "provenance"}) {
    if (inner->is_object() && inner->contains(key)) {
      inner = &inner->at(key);
    }
  }
  if (!inner->is_object() || !inner->contains("format") ||
      inner->at("format") != kProvenanceFormat) {
    reader.fail("format", "this says nothing of how a result was made");
  }
  return *inner;
}

}  // namespace

std::string bytes_digest(std::string_view bytes) {
  ByteDigest digest;
  digest.update(bytes);
  return digest.hex();
}

FileFingerprint fingerprint_of(const fs::path& file, std::string role) {
  std::error_code failed;
  const fs::path whole = fs::weakly_canonical(fs::absolute(file, failed), failed);
  FileFingerprint out{std::move(role), (failed ? file : whole).string(), 0, {}};
  if (fs::is_regular_file(file, failed)) {
    out.xxh128 = file_hash(file, out.bytes);
  } else if (!fs::exists(file, failed)) {
    cannot_read(file);
  }
  return out;
}

Provenance provenance_here(const ReadLog& log) {
  Provenance out;
  std::error_code ignored;
  out.working_directory = fs::current_path(ignored).string();
  for (const char* name : {"LOCKSTEP_PERF_DIR", "LOCKSTEP_DATA_DIR"}) {
    if (const char* value = std::getenv(name)) {
      out.environment[name] = value;
    }
  }
  for (const ReadLog::File& file : log.files()) {
    out.inputs.push_back(fingerprint_of(file.path, file.role));
  }
  return out;
}

nlohmann::ordered_json provenance_json(const Provenance& provenance) {
  nlohmann::ordered_json out{{"format", kProvenanceFormat}, {"version", kProvenanceVersion}};
  out["lockstep"] = provenance.version;
  out["commit"] = provenance.commit;
  out["fidelity"] = provenance.fidelity;
  out["seed"] = provenance.seed;
  out["kernel_times"] = provenance.kernel_time_sources;
  out["partial"] = provenance.partial;
  out["command"] = provenance.command;
  out["working_directory"] = provenance.working_directory;
  out["environment"] = provenance.environment;
  out["inputs"] = nlohmann::ordered_json::array();
  for (const FileFingerprint& file : provenance.inputs) {
    out["inputs"].push_back(fingerprint_json(file));
  }
  out["result"] = fingerprint_json(provenance.result);
  return out;
}

std::string provenance_text(const Provenance& provenance) {
  using Json = nlohmann::ordered_json;
  return provenance_json(provenance).dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Provenance read_provenance(const nlohmann::ordered_json& json, const std::string& file) {
  const ProvenanceReader outer(json, file);
  const auto& object = provenance_in(json, outer);
  const ProvenanceReader reader(object, file);
  if (reader.get<int>("version") != kProvenanceVersion) {
    reader.fail("version", "another version of Lockstep wrote this");
  }
  Provenance out;
  out.version = reader.get<std::string>("lockstep");
  out.commit = reader.get<std::string>("commit");
  out.fidelity = reader.get<std::string>("fidelity");
  out.seed = reader.get<std::uint32_t>("seed");
  out.kernel_time_sources = reader.get<std::vector<std::string>>("kernel_times");
  out.partial = reader.get<bool>("partial");
  out.command = reader.get<std::vector<std::string>>("command");
  out.working_directory = reader.get<std::string>("working_directory");
  out.environment = reader.get<std::map<std::string, std::string>>("environment");
  for (const auto& input : reader.get<std::vector<nlohmann::ordered_json>>("inputs")) {
    out.inputs.push_back(reader.fingerprint(input, "inputs"));
  }
  out.result = reader.fingerprint(reader.get<nlohmann::ordered_json>("result"), "result");
  return out;
}

fs::path provenance_file(const fs::path& result) {
  return result.string() + ".provenance.json";
}

}  // namespace lockstep
