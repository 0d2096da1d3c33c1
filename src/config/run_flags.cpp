#include "config/run_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "config/flag_help.hpp"
#include "config/flag_table.hpp"
#include "config/near_miss.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

/// Thrown inside this file only; the caller gets a value.
struct Refused {
  std::string message;
};
struct HelpAsked {};

/// What a word of the command line is, decided before any flag takes effect.
struct Word {
  enum class Kind { value, separator, flag };
  Kind kind = Kind::value;
  FlagForm form;  ///< flag == nullptr: an unknown flag
  std::optional<std::string> attached;
};

[[noreturn]] void refuse(const Flag& flag, const std::string& message) {
  throw Refused{fmt::format("argument {}: {}", flag.display_name(), message)};
}

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

class Matcher {
public:
  Matcher() : field_(flag_forms(field_flags())), own_(flag_forms(own_flags())) {}

  [[nodiscard]] Word classify(const std::string& word) const {
    if (word.empty() || word[0] != '-' || word == "-") {
      return {};
    }
    if (const FlagForm* form = exact(word)) {
      return {Word::Kind::flag, *form, std::nullopt};
    }
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) {
      if (const FlagForm* form = exact(word.substr(0, equals))) {
        return {Word::Kind::flag, *form, word.substr(equals + 1)};
      }
    }
    if (auto match = by_prefix(word)) {
      return *match;
    }
    if (negative_number(word) || word.find(' ') != std::string::npos) {
      return {};
    }
    return {Word::Kind::flag, {word, nullptr, true}, std::nullopt};
  }

  /// A hint for the first of the words that looks like a flag.
  [[nodiscard]] std::string hint(const std::vector<std::string>& unknown) const {
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

private:
  [[nodiscard]] const FlagForm* exact(std::string_view word) const {
    for (const auto* forms : {&field_, &own_}) {
      const auto found = std::ranges::find(*forms, word, &FlagForm::name);
      if (found != forms->end()) {
        return &*found;
      }
    }
    return nullptr;
  }

  [[nodiscard]] std::optional<Word> by_prefix(const std::string& word) const {
    for (const auto* forms : {&field_, &own_}) {
      const std::vector<Word> matches = matches_in(*forms, word);
      if (matches.size() == 1) {
        return matches.front();
      }
      if (matches.size() > 1) {
        std::string names;
        for (const Word& match : matches) {
          names += fmt::format("{}{}", names.empty() ? "" : ", ", match.form.name);
        }
        throw Refused{fmt::format("ambiguous option: {} could match {}", word, names)};
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] static std::vector<Word> matches_in(const std::vector<FlagForm>& forms,
                                                    const std::string& word) {
    std::vector<Word> matches;
    if (!word.starts_with("--")) {
      // One dash: -h with something attached is the only flag of this kind.
      for (const FlagForm& form : forms) {
        if (form.name == word.substr(0, 2)) {
          matches.push_back({Word::Kind::flag, form, word.substr(2)});
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
        matches.push_back({Word::Kind::flag, form, attached});
      }
    }
    return matches;
  }

  std::vector<FlagForm> field_;
  std::vector<FlagForm> own_;
};

class Parser {
public:
  explicit Parser(std::span<const std::string> args) : args_(args) {}

  ParsedFlags parse() {
    classify_all();
    for (std::size_t i = 0; i < args_.size();) {
      i = words_[i].kind == Word::Kind::flag ? take_flag(i) : take_stray(i);
    }
    if (!unknown_.empty()) {
      throw Refused{fmt::format("unrecognized arguments: {}", joined())};
    }
    return std::move(parsed_);
  }

  [[nodiscard]] std::string hint() const {
    return unknown_.empty() ? std::string() : matcher_.hint(unknown_);
  }

private:
  void classify_all() {
    bool flags_over = false;
    for (const std::string& arg : args_) {
      if (flags_over) {
        words_.emplace_back();
      } else if (arg == "--") {
        words_.push_back({Word::Kind::separator, {}, std::nullopt});
        flags_over = true;
      } else {
        words_.push_back(matcher_.classify(arg));
      }
    }
  }

  std::size_t take_stray(std::size_t i) {
    unknown_.push_back(args_[i]);
    return i + 1;
  }

  std::size_t take_flag(std::size_t i) {
    const Word& word = words_[i];
    if (word.form.flag == nullptr) {
      return take_stray(i);
    }
    const Flag& flag = *word.form.flag;
    if (!flag.takes_value()) {
      refuse_attached(word);
      if (flag.kind == FlagKind::help) {
        throw HelpAsked{};
      }
      flag.set(parsed_.options, "", word.form.positive ? 1 : 0, 0);
      parsed_.given.insert(word.form.name);
      return i + 1;
    }
    if (word.attached) {
      store(flag, *word.attached);
      return i + 1;
    }
    return take_value(i + 1, flag);
  }

  /// -hh is -h twice; anything else attached to a flag without a value is a mistake.
  static void refuse_attached(const Word& word) {
    if (!word.attached) {
      return;
    }
    const bool help_again = word.form.name == "-h" && !word.attached->empty() &&
                            word.attached->find_first_not_of('h') == std::string::npos;
    if (!help_again) {
      std::string rest = *word.attached;
      while (word.form.name == "-h" && rest.size() > 1 && rest[0] == 'h') {
        rest.erase(0, 1);
      }
      refuse(*word.form.flag, fmt::format("ignored explicit argument {}", quoted(rest)));
    }
  }

  /// The next word, past a separator, is the value.
  std::size_t take_value(std::size_t next, const Flag& flag) {
    const auto is = [&](std::size_t i, Word::Kind kind) {
      return i < words_.size() && words_[i].kind == kind;
    };
    if (is(next, Word::Kind::separator)) {
      ++next;
    }
    if (!is(next, Word::Kind::value)) {
      refuse(flag, "expected one argument");
    }
    store(flag, args_[next]);
    ++next;
    return is(next, Word::Kind::separator) ? next + 1 : next;
  }

  void store(const Flag& flag, const std::string& text) {
    std::int64_t integer = 0;
    double real = 0;
    if (flag.kind == FlagKind::integer) {
      const auto value = int_from_text(text);
      if (!value) {
        refuse(flag, fmt::format("invalid int value: {}", quoted(text)));
      }
      integer = *value;
    } else if (flag.kind == FlagKind::real) {
      const auto value = float_from_text(text);
      if (!value) {
        refuse(flag, fmt::format("invalid float value: {}", quoted(text)));
      }
      real = *value;
    } else if (flag.kind == FlagKind::choice &&
               std::ranges::find(flag.choices, text) == flag.choices.end()) {
      refuse_choice(flag, text);
    }
    flag.set(parsed_.options, text, integer, real);
    parsed_.given.insert(std::string(flag.name));
  }

  [[noreturn]] static void refuse_choice(const Flag& flag, const std::string& text) {
    std::string choices;
    for (const std::string_view choice : flag.choices) {
      choices += fmt::format("{}'{}'", choices.empty() ? "" : ", ", choice);
    }
    refuse(flag, fmt::format("invalid choice: {} (choose from {})", quoted(text), choices));
  }

  [[nodiscard]] std::string joined() const {
    std::string text;
    for (const std::string& word : unknown_) {
      text += fmt::format("{}{}", text.empty() ? "" : " ", word);
    }
    return text;
  }

  /// As Python shows a text.
  static std::string quoted(const std::string& text) {
    const bool has_single = text.find('\'') != std::string::npos;
    const char mark = has_single && text.find('"') == std::string::npos ? '"' : '\'';
    std::string out(1, mark);
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == mark || c == '\\') {
        out += '\\';
        out += c;
      } else if (c == '\n') {
        out += "\\n";
      } else if (c == '\r') {
        out += "\\r";
      } else if (c == '\t') {
        out += "\\t";
      } else if (byte < 0x20 || byte == 0x7f) {
        out += fmt::format("\\x{:02x}", byte);
      } else {
        out += c;
      }
    }
    return out + mark;
  }

  std::span<const std::string> args_;
  Matcher matcher_;
  std::vector<Word> words_;
  std::vector<std::string> unknown_;
  ParsedFlags parsed_;
};

}  // namespace

RunFlags parse_run_flags(std::span<const std::string> args, std::string_view program) {
  Parser parser(args);
  try {
    return parser.parse();
  } catch (const HelpAsked&) {
    return HelpText{run_flags_help(program)};
  } catch (const Refused& refused) {
    std::string text =
        fmt::format("{}{}: error: {}\n", run_flags_usage(program), program, refused.message);
    const std::string hint = parser.hint();
    if (!hint.empty()) {
      text += fmt::format("  {}\n", hint);
    }
    return UsageError{refused.message, std::move(text)};
  }
}

}  // namespace lockstep
