#include "report/html_report.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "report/packed_columns.hpp"
#include "report/run_json.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

/// "<" occurs in JSON only inside of strings, where an escape means the same.
std::string script_escaped(std::string_view json) {
  std::string out;
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

void fill(std::string& page, std::string_view place, std::string_view content) {
  const std::size_t at = page.find(place);
  ensure(at != std::string::npos, "the report page has no place for runs");
  page.replace(at, place.size(), content);
}

}  // namespace

std::string report_html(std::vector<Json> runs) {
  PackedColumns columns;
  std::string texts;
  for (Json& run : runs) {
    for (const char* table : {"requests", "steps"}) {
      if (run.contains(table) && run[table].is_object()) {
        columns.pack(run[table]);
      }
    }
    texts += texts.empty() ? "" : ",";
    texts += script_escaped(run.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  std::string page(report_page());
  fill(page, "LOCKSTEP_TABLES", columns.text());  // behind the runs, whose names may say anything
  fill(page, "\"LOCKSTEP_RUNS\"", texts);
  return page;
}

std::string report_html(const RunRecord& run) {
  std::vector<Json> runs;
  runs.push_back(run_file_json(run));
  return report_html(std::move(runs));
}

}  // namespace lockstep
