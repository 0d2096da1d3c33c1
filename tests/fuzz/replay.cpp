// Gives every file of the corpus to its target: what once was a crash stays mended.
//
// usage: fuzz_replay CORPUS-FOLDER
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "fuzz_target.hpp"

namespace lockstep::fuzz {
namespace {

std::map<std::string_view, Target>& targets() {
  static std::map<std::string_view, Target> all;
  return all;
}

int replay(const std::filesystem::path& corpus) {
  int failures = 0;
  for (const auto& [name, target] : targets()) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(corpus / name)) {
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      ++files;
      try {
        expect_answer(target, bytes);
      } catch (const std::exception& error) {
        fmt::print("{}: {}\n", entry.path().string(), error.what());
        ++failures;
      }
    }
    fmt::print("{}: {} files\n", name, files);
    failures += files == 0 ? 1 : 0;
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

bool add_target(std::string_view name, Target target) {
  return targets().emplace(name, target).second;
}

}  // namespace lockstep::fuzz

int main(int argc, char** argv) {
  return argc == 2 ? lockstep::fuzz::replay(argv[1]) : 2;
}
