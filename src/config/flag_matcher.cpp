#include "config/flag_matcher.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/near_miss.hpp"

namespace lockstep {
namespace {

/// -5, -5.5 and -.5 are values, not flags.
bool negative_number(std::string_view word) {
  word.remove_prefix(1);
  const std::size_t digits = word.find_first_not_of("0123456789");
  if (digits == std::string_view::npos) {
    return !word.empty();
  }
  const std::string_view fraction = word.substr(digits + 1);
  return word[digits] == '.' && !fraction.empty() &&
         fraction.find_first_not_of("0123456789") == std::string_view::npos;
}

std::vector<FlagWord> matches_in(const std::vector<FlagForm>& forms, const std::string& word) {
  std::vector<FlagWord> matches;
  if (!word.starts_with("--")) {
    // One dash: -h with something attached is the only flag of this kind.
    for (const FlagForm& form : forms) {
      if (form.name == word.substr(0, 2)) {
        matches.push_back({FlagWord::Kind::flag, form, word.substr(2)});
      }
    }
    return matches;
  }
  const std::size_t equals = word.find('=');
  const std::string prefix = word.substr(0, equals);
  std::optional<std::string> attached;
  if (equals != std::string::npos) {
    attached = word.substr(equals + 1);
  }
  for (const FlagForm& form : forms) {
    if (form.name.starts_with(prefix)) {
      matches.push_back({FlagWord::Kind::flag, form, attached});
    }
  }
  return matches;
}

}  // namespace

FlagWord FlagMatcher::classify(const std::string& word) const {
  if (word.empty() || word[0] != '-' || word == "-") {
    return {};
  }
  if (const FlagForm* form = exact(word)) {
    return {FlagWord::Kind::flag, *form, std::nullopt};
  }
  const std::size_t equals = word.find('=');
  if (equals != std::string::npos) {
    if (const FlagForm* form = exact(word.substr(0, equals))) {
      return {FlagWord::Kind::flag, *form, word.substr(equals + 1)};
    }
  }
  if (auto match = by_prefix(word)) {
    return *match;
  }
  if (negative_number(word) || word.find(' ') != std::string::npos) {
    return {};
  }
  return {FlagWord::Kind::flag, {word, nullptr, true}, std::nullopt};
}

std::string FlagMatcher::hint(const std::vector<std::string>& unknown) const {
  std::vector<std::string_view> names;
  for (const auto* forms : {&field_, &own_}) {
    for (const FlagForm& form : *forms) {
      names.push_back(form.name);
    }
  }
  for (const std::string& word : unknown) {
    const std::string_view name = std::string_view(word).substr(0, word.find('='));
    if (name.starts_with("-")) {
      const std::string_view near = nearest_name(name, names);
      return near.empty() ? std::string() : fmt::format("did you mean {}?", near);
    }
  }
  return "";
}

const FlagForm* FlagMatcher::exact(std::string_view word) const {
  for (const auto* forms : {&field_, &own_}) {
    const auto found = std::ranges::find(*forms, word, &FlagForm::name);
    if (found != forms->end()) {
      return &*found;
    }
  }
  return nullptr;
}

std::optional<FlagWord> FlagMatcher::by_prefix(const std::string& word) const {
  for (const auto* forms : {&field_, &own_}) {
    const std::vector<FlagWord> matches = matches_in(*forms, word);
    if (matches.size() == 1) {
      return matches.front();
    }
    if (matches.size() > 1) {
      std::string names;
      for (const FlagWord& match : matches) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", match.form.name);
      }
      throw FlagRefused{fmt::format("ambiguous option: {} could match {}", word, names)};
    }
  }
  return std::nullopt;
}

}  // namespace lockstep
