#include "config/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "config/near_miss.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kDeepest = 64;

/// Hands characters to the parser and remembers how far it has read.
class TrackedChar {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedChar(const char* at, const char** read_to) : at_(at), read_to_(read_to) {}
  reference operator*() const { return *at_; }
  TrackedChar& operator++() {
    ++at_;
    *read_to_ = at_;
    return *this;
  }
  TrackedChar operator++(int) {
    TrackedChar before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const TrackedChar& a, const TrackedChar& b) { return a.at_ == b.at_; }

private:
  const char* at_;
  const char** read_to_;
};

/// Builds the document from the parser's events.
class Builder {
public:
  using Json = nlohmann::ordered_json;

  Builder(JsonDocument& document, const char* begin, const char* const* read_to)
      : document_(document), counted_to_(begin), read_to_(read_to) {}

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(Json::number_integer_t value) { return put(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return put(value); }
  bool number_float(Json::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }
  bool key(std::string& name) {
    key_ = std::move(name);
    return true;
  }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) {
    problem_ = error.what();
    return false;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::int64_t line() {
    // The last character read may be the one behind a number: it does not count.
    if (*read_to_ > counted_to_ + 1) {
      const char* const end = *read_to_ - 1;
      line_ += std::count(counted_to_, end, '\n');
      counted_to_ = end;
    }
    return line_;
  }

private:
  struct Open {
    Json* value;
    std::string path;
  };

  Json* place(Json value) {
    if (open_.empty()) {
      document_.root = std::move(value);
      path_.clear();
      return &document_.root;
    }
    Open& parent = open_.back();
    if (parent.value->is_array()) {
      path_ = child_path(parent.path, parent.value->size());
      parent.value->push_back(std::move(value));
      return &parent.value->back();
    }
    path_ = child_path(parent.path, key_);
    if (parent.value->contains(key_)) {
      document_.repeated_keys.push_back(path_);
    }
    Json& slot = (*parent.value)[key_];
    slot = std::move(value);
    return &slot;
  }

  bool put(Json value) {
    place(std::move(value));
    document_.lines[path_] = line();
    return true;
  }

  bool open(Json value) {
    if (open_.size() == kDeepest) {
      problem_ = fmt::format("values are nested deeper than {} levels", kDeepest);
      return false;
    }
    Json* const placed = place(std::move(value));
    document_.lines[path_] = line();
    open_.push_back({placed, path_});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  JsonDocument& document_;
  const char* counted_to_;
  const char* const* read_to_;
  std::int64_t line_ = 1;
  std::string key_;
  std::string path_;  ///< of the value placed last
  std::string problem_;
  // A pointer stays good: only the innermost open value grows, and its own address does not move
  // until it is closed.
  std::vector<Open> open_;
};

}  // namespace

std::int64_t JsonDocument::line_of(const std::string& path) const {
  const auto found = lines.find(path);
  return found == lines.end() ? 0 : found->second;
}

namespace {

/// Names the file of the same folder that was perhaps meant.
std::string mend_for_file(const std::filesystem::path& file) {
  std::vector<std::string> names;
  std::error_code error;
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string_view near = nearest_name(file.filename().string(), views);
  return fmt::format(
      "{}give the path of an existing JSON file; a relative path starts at the "
      "working directory",
      near.empty() ? "" : fmt::format("did you mean '{}'? Otherwise ", near));
}

}  // namespace

JsonDocument JsonDocument::read(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    throw UserError(fmt::format("Cluster configuration file '{}' not found.", file.string()),
                    {file.string(), 0, ""}, mend_for_file(file));
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    throw UserError(fmt::format("Cannot read '{}'.", file.string()), {file.string(), 0, ""},
                    "check the file's permissions, and that it is not empty");
  }
  return parse(text.str(), file.string());
}

JsonDocument JsonDocument::parse(std::string_view text, std::string file) {
  JsonDocument document;
  document.file = std::move(file);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* read_to = begin;
  Builder builder(document, begin, &read_to);
  const bool good = nlohmann::ordered_json::sax_parse(TrackedChar(begin, &read_to),
                                                      TrackedChar(end, &read_to), &builder);
  if (!good) {
    throw UserError(
        fmt::format("Failed to parse JSON from '{}'. {}", document.file, builder.problem()),
        {document.file, builder.line(), ""},
        "correct the JSON at this line; a comma too many or too few is the usual reason");
  }
  return document;
}

std::string child_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string child_path(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

}  // namespace lockstep
