#include "config/absolute_arguments.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "config/flag_matcher.hpp"
#include "config/run_options.hpp"

namespace lockstep {
namespace {

constexpr std::array<std::string_view, 6> kInputPaths{
    "--cluster-config", "--dataset", "--calibration", "--perf-dir", "--model-dir", "--pim-dir"};
/// Where results go and what is shown; none of it changes a result.
constexpr std::array<std::string_view, 11> kShown{
    "--output", "--run-id", "--inputs-root", "--log-level",  "--log-format", "--json",
    "--quiet",  "--report", "--save-run",    "--max-memory", "--trace"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string absolute_path(const std::string& path) {
  std::error_code failed;
  const auto whole = std::filesystem::absolute(path, failed).lexically_normal();
  const bool is_path = !path.empty() && path.front() != '{';  // a description of a workload is none
  return failed || !is_path ? path : whole.string();
}

}  // namespace

std::vector<std::string> absolute_arguments(std::span<const std::string> args) {
  const FlagMatcher matcher;
  std::vector<std::string> words;
  bool fidelity = false;
  bool cluster = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const FlagWord word = matcher.classify(args[i]);
    if (word.form.flag == nullptr) {
      continue;
    }
    const Flag& flag = *word.form.flag;
    std::string value;
    if (flag.takes_value()) {
      value = word.attached ? *word.attached : args[++i];
    }
    if (is_one_of(kShown, flag.name)) {
      continue;
    }
    fidelity = fidelity || flag.name == "--fidelity";
    cluster = cluster || flag.name == "--cluster-config";
    if (!flag.takes_value()) {
      words.push_back(word.form.name);
      continue;
    }
    words.push_back(word.form.name + "=" +
                    (is_one_of(kInputPaths, flag.name) ? absolute_path(value) : value));
  }
  if (!cluster) {
    words.insert(words.begin(), "--cluster-config=" + absolute_path(RunOptions{}.cluster_config));
  }
  if (!fidelity) {
    words.insert(words.begin(), "--fidelity=vllm");
  }
  return words;
}

}  // namespace lockstep
