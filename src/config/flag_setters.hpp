// What setting a flag does, for the tables of flags.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "config/output_options.hpp"
#include "config/run_options.hpp"

namespace lockstep::flag_setters {

using Options = RunOptions;
using Setter = std::function<void(Options&, const std::string&, std::int64_t, double)>;

inline Setter store(std::string Options::*member) {
  return [member](Options& o, const std::string& text, std::int64_t, double) { o.*member = text; };
}
inline Setter store(std::optional<std::string> Options::*member) {
  return [member](Options& o, const std::string& text, std::int64_t, double) { o.*member = text; };
}
inline Setter store(std::int64_t Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t n, double) { o.*member = n; };
}
inline Setter store(std::optional<std::int64_t> Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t n, double) { o.*member = n; };
}
inline Setter store(double Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t, double x) { o.*member = x; };
}
inline Setter store(bool Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t n, double) { o.*member = n != 0; };
}

/// Choices in the order of the enumerators from `first` on.
template <class Enum>
inline Setter store_choice(Enum Options::*member,
                           std::vector<std::pair<std::string_view, Enum>> values) {
  return [member, values = std::move(values)](Options& o, const std::string& text, std::int64_t,
                                              double) {
    for (const auto& [name, value] : values) {
      if (name == text) {
        o.*member = value;
        return;
      }
    }
    ensure(false, "a choice was accepted that has no value");
  };
}

using OutputSetter = std::function<void(OutputOptions&, const std::string&)>;

inline OutputSetter output_path(std::optional<std::string> OutputOptions::*member) {
  return [member](OutputOptions& o, const std::string& text) { o.*member = text; };
}
inline OutputSetter output_switch(bool OutputOptions::*member) {
  return [member](OutputOptions& o, const std::string&) { o.*member = true; };
}

inline Setter store_dtype() {
  return [](Options& o, const std::string& text, std::int64_t, double) {
    o.dtype = data_type_from_name(text);
  };
}

}  // namespace lockstep::flag_setters
