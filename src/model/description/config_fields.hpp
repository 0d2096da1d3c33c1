// Fields of a config.json; every failure names the file and the field's path in it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

class ConfigFields {
public:
  /// `json` must outlive this.
  ConfigFields(const nlohmann::json& json, std::string file, std::string path = {});

  /// Present and not null.
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t smallest = 1,
                                     std::int64_t largest = kLargest) const;
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t absent,
                                        std::int64_t smallest = 0) const;
  /// The first of several names for one thing that is there.
  [[nodiscard]] std::int64_t first_of(std::initializer_list<std::string_view> keys) const;
  [[nodiscard]] bool flag_or(std::string_view key, bool absent) const;
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view key) const;
  /// Empty when absent.
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
  [[nodiscard]] ConfigFields object(std::string_view key) const;

  [[nodiscard]] const nlohmann::json& json() const { return *json_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[noreturn]] void fail(std::string_view key, std::string what, std::string mend) const;

private:
  /// Contexts reach tens of millions of tokens; a product of two sizes stays far below 2^63.
  static constexpr std::int64_t kLargest = std::int64_t{1} << 30;

  [[nodiscard]] const nlohmann::json& get(std::string_view key) const;

  const nlohmann::json* json_;
  std::string file_;
  std::string path_;  ///< of this object, with the dot behind it
};

}  // namespace lockstep
