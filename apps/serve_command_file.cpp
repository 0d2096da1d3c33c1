#include "serve_command_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.hpp"
#include "base/read_log.hpp"
#include "config/serve_arguments.hpp"

namespace lockstep {
namespace {

using Words = std::vector<std::string>;

/// A list of words, or one text as a shell reads it.
Words words_of(const YAML::Node& node) {
  if (node.IsScalar()) {
    return shell_words(node.as<std::string>());
  }
  Words words;
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      if (item.IsScalar()) {
        words.push_back(item.as<std::string>());
      }
    }
  }
  return words;
}

/// `sh -c "vllm serve ..."`: the last word is the command.
Words without_shell(Words words) {
  const std::size_t count = words.size();
  const bool shell =
      count >= 2 && words[count - 2].starts_with("-") && words[count - 2].ends_with("c");
  return shell ? shell_words(words.back()) : words;
}

bool starts_a_server(const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool serve =
        word == "serve" && (i == 0 || words[i - 1].find("vllm") != std::string::npos);
    if (serve || word == "--model" || word.starts_with("--model=") ||
        word.ends_with("api_server")) {
      return true;
    }
  }
  return false;
}

/// A container: what it runs is `entrypoint` or `command`, then `command` or `args`.
Words words_of_container(const YAML::Node& map) {
  Words words;
  for (const char* key : {"entrypoint", "command", "args"}) {
    if (const YAML::Node part = map[key]) {
      const Words more = words_of(part);
      words.insert(words.end(), more.begin(), more.end());
    }
  }
  words = without_shell(std::move(words));
  const YAML::Node image = map["image"];
  const bool of_vllm =
      image && image.IsScalar() && image.as<std::string>().find("vllm") != std::string::npos;
  if (of_vllm && !words.empty() && !starts_a_server(words)) {
    words.insert(words.begin(), "serve");  // the image's own entry point
  }
  return starts_a_server(words) ? words : Words{};
}

Words search(const YAML::Node& node) {
  if (node.IsMap()) {
    if (Words words = words_of_container(node); !words.empty()) {
      return words;
    }
    for (const auto& item : node) {
      if (Words words = search(item.second); !words.empty()) {
        return words;
      }
    }
  } else if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      if (Words words = search(item); !words.empty()) {
        return words;
      }
    }
  }
  return {};
}

Words words_in_script(const std::string& text) {
  Words words = shell_words(text);
  const auto found = std::find(words.begin(), words.end(), "serve");
  if (found != words.end()) {
    words.erase(words.begin(), found);
    return words;
  }
  return starts_a_server(words) ? words : Words{};
}

}  // namespace

std::vector<std::string> serve_words_in(const std::filesystem::path& file) {
  ReadLog::note(file, "serve command");
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) {
    throw UserError("cannot read the file", Where{file.string(), 0, {}}, "check the path");
  }
  Words words;
  const std::string extension = file.extension().string();
  if (extension == ".yaml" || extension == ".yml" || extension == ".json") {
    try {
      for (const YAML::Node& document : YAML::LoadAll(text)) {
        if (words = search(document); !words.empty()) {
          break;
        }
      }
    } catch (const YAML::Exception& error) {
      throw UserError(error.msg, Where{file.string(), error.mark.line + 1, {}}, "mend the YAML");
    }
  } else {
    words = words_in_script(text);
  }
  if (words.empty()) {
    throw UserError("no command that starts vLLM in this file", Where{file.string(), 0, {}},
                    "give a Compose file, a Kubernetes manifest or a script with `vllm serve`");
  }
  return words;
}

}  // namespace lockstep
