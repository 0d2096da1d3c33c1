#include "report_command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "report/html_report.hpp"
#include "report/output_file.hpp"
#include "report/run_json.hpp"
#include "report/run_record_from.hpp"

namespace lockstep {
namespace {

constexpr const char* kMend =
    "give result files (lockstep run --output) or run files (lockstep run --save-run)";

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) {
    throw UserError("cannot read the file", Where{file.string(), 0, {}}, kMend);
  }
  return text;
}

/// A run file as it is, a result file as a run file that knows its requests only.
nlohmann::ordered_json run_of(const std::filesystem::path& file) {
  std::string text = contents(file);
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos || text[begin] != '{') {
    return run_file_json(record_from_csv_text(text, file.string()));
  }
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", nlohmann::ordered_json()) != "lockstep-run") {
    throw UserError("this JSON is no run file", Where{file.string(), 0, "format"}, kMend);
  }
  if (json.value("version", nlohmann::ordered_json()) != 1) {
    throw UserError("a run file of another version than 1", Where{file.string(), 0, "version"},
                    "save the run again with this lockstep");
  }
  return json;
}

}  // namespace

CLI::App* add_report_command(CLI::App& root, int& exit_code) {
  struct Flags {
    std::vector<std::string> runs;
    std::string output = "report.html";
  };
  CLI::App* command =
      root.add_subcommand("report", "one or more runs as an HTML page that opens offline");
  auto flags = std::make_shared<Flags>();
  command->add_option("RUN", flags->runs, "result file (CSV) or run file (JSON)")->required();
  command->add_option("--output", flags->output, "the page")->capture_default_str();
  command->callback([flags, &exit_code] {
    const OutputFile page(flags->output);
    std::vector<nlohmann::ordered_json> runs;
    for (const std::string& run : flags->runs) {
      runs.push_back(run_of(run));
    }
    page.commit(report_html(std::move(runs)));
    fmt::print("wrote {}\n", flags->output);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
