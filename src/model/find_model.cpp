// Where model configs are looked for, and which name was probably meant.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "model/model_config.hpp"
#include "model/near_models.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

/// Insertions, deletions and replacements that turn one text into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
    }
  }
  return row.back();
}

std::vector<std::string> known_models(const std::vector<fs::path>& dirs) {
  std::vector<std::string> names;
  for (const fs::path& dir : dirs) {
    std::error_code error;
    fs::recursive_directory_iterator entry(dir, fs::directory_options::skip_permission_denied,
                                           error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == ".json") {
        names.push_back(entry->path().lexically_relative(dir).replace_extension().string());
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Up to three known names that the given one may stand for, best first.
std::vector<std::string> near_names(const std::string& name, std::vector<std::string> known) {
  constexpr std::size_t kLongestName = 256;  // beyond it nothing is near, and the search is slow
  if (name.size() > kLongestName) {
    return {};
  }
  const auto distance = [wanted = lower(name)](const std::string& candidate) {
    const std::string text = lower(candidate);
    const std::string base = text.substr(text.rfind('/') + 1);  // the owner is often left out
    return std::min(edit_distance(wanted, text), edit_distance(wanted, base));
  };
  const std::size_t limit = name.size() / 3 + 1;
  std::erase_if(known, [&](const std::string& candidate) { return distance(candidate) > limit; });
  std::stable_sort(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return distance(a) < distance(b);
  });
  known.resize(std::min<std::size_t>(known.size(), 3));
  return known;
}

}  // namespace

std::string mend_for_model(const std::vector<fs::path>& dirs, const std::string& name,
                           const std::string& otherwise) {
  const std::vector<std::string> near = near_names(name, known_models(dirs));
  return near.empty()
             ? otherwise
             : fmt::format("did you mean {}? Otherwise {}", fmt::join(near, " or "), otherwise);
}

ModelConfig find_model_config(const std::vector<fs::path>& dirs, const std::string& name) {
  std::error_code missing;
  if (name.ends_with(".json") && fs::is_regular_file(name, missing)) {
    return read_model_config(name, name);
  }
  std::vector<std::string> places;
  for (const fs::path& dir : dirs) {
    fs::path file = dir / (name + ".json");
    std::error_code error;
    if (fs::is_regular_file(file, error)) {
      return read_model_config(file, name);
    }
    places.push_back(file.string());
  }
  throw UserError(
      fmt::format("no config for model '{}'; looked at {}", name, fmt::join(places, ", ")), Where{},
      mend_for_model(dirs, name,
                     "put the model's Hugging Face config.json there, or give --model-dir"));
}

}  // namespace lockstep
