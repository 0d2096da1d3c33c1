// One value of a JsonDocument together with its path: every look-up that fails throws a UserError
// that names file, line and path. A null counts as absent, unless a look-up says otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/json_document.hpp"

namespace lockstep {

class JsonView {
public:
  JsonView(const JsonDocument& document, const nlohmann::ordered_json& value, std::string path)
      : document_(&document), value_(&value), path_(std::move(path)) {}
  [[nodiscard]] static JsonView root(const JsonDocument& document) {
    return {document, document.root, ""};
  }

  [[nodiscard]] const nlohmann::ordered_json& json() const { return *value_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// The member, unless it is absent or null.
  [[nodiscard]] std::optional<JsonView> find(std::string_view key) const;
  /// True also for a null.
  [[nodiscard]] bool has(std::string_view key) const;
  /// The member, null included; "Missing required key '<key>' in <place>." when absent.
  [[nodiscard]] JsonView require(std::string_view key, std::string_view place) const;

  /// Number of elements of an array.
  [[nodiscard]] std::size_t size() const { return value_->size(); }
  [[nodiscard]] JsonView item(std::size_t index) const;

  /// The value as the type it has to be; anything else throws.
  const JsonView& object() const;
  const JsonView& array() const;
  [[nodiscard]] double number() const;         ///< finite
  [[nodiscard]] std::int64_t integer() const;  ///< 2 or 2.0
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool boolean() const;  ///< true, false, 1, 0

  [[nodiscard]] double number_at_least(double least) const;
  [[nodiscard]] double number_above(double bound) const;
  [[nodiscard]] std::int64_t integer_between(std::int64_t least, std::int64_t most) const;

  [[nodiscard]] Where where() const;
  [[nodiscard]] Where where_of(std::string_view key) const;
  [[noreturn]] void fail(std::string problem, std::string mend) const;
  /// As fail, pointing at a member (at this value when it has no such member).
  [[noreturn]] void fail_at(std::string_view key, std::string problem, std::string mend) const;

private:
  [[noreturn]] void wrong_type(std::string_view wanted) const;

  const JsonDocument* document_;
  const nlohmann::ordered_json* value_;
  std::string path_;
};

/// What Python would call the type of a value: str, int, float, bool, dict, list, NoneType.
[[nodiscard]] std::string_view python_type_name(const nlohmann::ordered_json& value);

}  // namespace lockstep
