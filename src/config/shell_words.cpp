// A command as a shell splits it.
#include <fmt/format.h>

#include "base/error.hpp"
#include "config/serve_arguments.hpp"

namespace lockstep {

std::vector<std::string> shell_words(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;  // of a word, which may be empty: ''
  char quote = 0;
  const auto end_word = [&] {
    if (inside) {
      words.push_back(std::move(word));
    }
    word.clear();
    inside = false;
  };
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (quote == 0 && blank) {
      end_word();
    } else if (quote == 0 && c == '#' && !inside) {
      i = std::min(command.find('\n', i), command.size());
    } else if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      if (command[++i] != '\n') {
        word += command[i];
        inside = true;
      }
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      inside = true;
    } else if (c == quote) {
      quote = 0;
    } else {
      word += c;
      inside = true;
    }
  }
  if (quote != 0) {
    throw UserError(fmt::format("a quote {} without its end", quote), Where{{}, 0, "--from"},
                    "give a command such as 'vllm serve MODEL --tensor-parallel-size 2'");
  }
  end_word();
  return words;
}

}  // namespace lockstep
