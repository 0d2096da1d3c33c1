#include "config/run_flags.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "config/flag_help.hpp"
#include "config/flag_matcher.hpp"
#include "config/flag_table.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

struct HelpAsked {};

[[noreturn]] void refuse(const Flag& flag, const std::string& message) {
  throw FlagRefused{fmt::format("argument {}: {}", flag.display_name(), message)};
}

class Parser {
public:
  explicit Parser(std::span<const std::string> args) : args_(args) {}

  ParsedFlags parse() {
    parsed_.options.fidelity = Fidelity::vllm;  // what people at a command line want
    classify_all();
    for (std::size_t i = 0; i < args_.size();) {
      i = words_[i].kind == FlagWord::Kind::flag ? take_flag(i) : take_stray(i);
    }
    if (!unknown_.empty()) {
      throw FlagRefused{fmt::format("unrecognized arguments: {}", fmt::join(unknown_, " "))};
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
        words_.push_back({FlagWord::Kind::separator, {}, std::nullopt});
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
    const FlagWord& word = words_[i];
    if (word.form.flag == nullptr) {
      return take_stray(i);
    }
    const Flag& flag = *word.form.flag;
    if (!flag.takes_value()) {
      refuse_attached(word);
      if (flag.kind == FlagKind::help) {
        throw HelpAsked{};
      }
      apply(flag, "", word.form.positive ? 1 : 0, 0);
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
  static void refuse_attached(const FlagWord& word) {
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

  /// The next word is the value; a separator does not count as one and ends the search.
  std::size_t take_value(std::size_t next, const Flag& flag) {
    if (next >= words_.size() || words_[next].kind != FlagWord::Kind::value) {
      refuse(flag, "expected one argument");
    }
    store(flag, args_[next]);
    return next + 1;
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
    apply(flag, text, integer, real);
    parsed_.given.insert(std::string(flag.name));
  }

  void apply(const Flag& flag, const std::string& text, std::int64_t integer, double real) {
    if (flag.set_output) {
      flag.set_output(parsed_.outputs, text);
    } else {
      flag.set(parsed_.options, text, integer, real);
    }
  }

  [[noreturn]] static void refuse_choice(const Flag& flag, const std::string& text) {
    std::string choices;
    for (const std::string_view choice : flag.choices) {
      choices += fmt::format("{}'{}'", choices.empty() ? "" : ", ", choice);
    }
    refuse(flag, fmt::format("invalid choice: {} (choose from {})", quoted(text), choices));
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
  FlagMatcher matcher_;
  std::vector<FlagWord> words_;
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
  } catch (const FlagRefused& refused) {
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
