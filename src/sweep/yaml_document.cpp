#include "sweep/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/read_log.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostValues = 100'000;
/// A value takes a character at least: only aliases make more values than that.
constexpr std::size_t kMostFromAliases = 10'000;
constexpr int kDeepest = 32;
constexpr std::uintmax_t kLargestFile = std::uintmax_t{16} << 20;

class Converter {
public:
  Converter(JsonDocument& document, std::size_t characters)
      : document_(document), most_(std::min(kMostValues, characters + kMostFromAliases)) {}

  Json convert(const YAML::Node& node, const std::string& path, int depth) {
    if (++values_ > most_ || depth > kDeepest) {
      fail(node, path,
           depth > kDeepest ? fmt::format("values are nested deeper than {} levels", kDeepest)
                            : fmt::format("this file unfolds to more than {} values", most_),
           "write a simpler file; aliases count as often as they are used");
    }
    document_.lines[path] = node.Mark().line + 1;
    switch (node.Type()) {
      case YAML::NodeType::Map:
        return convert_map(node, path, depth);
      case YAML::NodeType::Sequence:
        return convert_list(node, path, depth);
      case YAML::NodeType::Scalar:
        return convert_scalar(node);
      default:
        return nullptr;
    }
  }

private:
  Json convert_map(const YAML::Node& node, const std::string& path, int depth) {
    Json map = Json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        fail(entry.first, path, "a key is no plain text", "write one word before the colon");
      }
      const std::string key = entry.first.Scalar();
      const std::string place = child_path(path, key);
      if (map.contains(key)) {
        fail(entry.first, place, fmt::format("'{}' is given twice", key), "remove one of them");
      }
      map[key] = convert(entry.second, place, depth + 1);
      document_.lines[place] = entry.first.Mark().line + 1;  // where a reader looks for it
    }
    return map;
  }

  Json convert_list(const YAML::Node& node, const std::string& path, int depth) {
    Json list = Json::array();
    for (const auto& entry : node) {
      const std::string place = child_path(path, list.size());
      list.push_back(convert(entry, place, depth + 1));
    }
    return list;
  }

  static Json convert_scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") {  // quoted
      return text;
    }
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
      return nullptr;
    }
    if (text == "true" || text == "True" || text == "TRUE") {
      return true;
    }
    if (text == "false" || text == "False" || text == "FALSE") {
      return false;
    }
    if (const auto whole = int_from_text(text)) {
      return *whole;
    }
    const auto real = float_from_text(text);
    return real && std::isfinite(*real) ? Json(*real) : Json(text);
  }

  [[noreturn]] void fail(const YAML::Node& node, const std::string& path,
                         const std::string& problem, const std::string& mend) const {
    throw UserError(problem, {document_.file, node.Mark().line + 1, path}, mend);
  }

  JsonDocument& document_;
  std::size_t most_;
  std::size_t values_ = 0;
};

}  // namespace

JsonDocument parse_yaml(const std::string& text, const std::string& file) {
  JsonDocument document;
  document.file = file;
  try {
    const YAML::Node root = YAML::Load(text);
    document.root = Converter(document, text.size()).convert(root, "", 0);
  } catch (const YAML::Exception& error) {
    throw UserError(error.msg, {file, error.mark.line + 1, {}}, "correct the YAML");
  }
  return document;
}

JsonDocument read_yaml(const std::filesystem::path& file) {
  std::error_code error;
  const bool regular = std::filesystem::is_regular_file(file, error);
  if (!regular || std::filesystem::file_size(file, error) > kLargestFile || error) {
    throw UserError(regular ? "this file is larger than 16 MiB" : "cannot read this file",
                    {file.string(), 0, {}}, "give the path of an existing YAML file");
  }
  ReadLog::note(file, "spec");
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in && text.str().empty()) {
    throw UserError("cannot read this file, or it is empty", {file.string(), 0, {}},
                    "check that it exists and that you may read it");
  }
  return parse_yaml(text.str(), file.string());
}

}  // namespace lockstep
