#include "report/html_report.hpp"

#include "base/error.hpp"

namespace lockstep {
namespace {

/// "<" occurs in JSON only inside of strings, where an escape means the same.
void append_escaped(std::string& out, std::string_view json) {
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
}

}  // namespace

std::string report_html(const std::vector<std::string>& runs) {
  constexpr std::string_view kPlace = "[\"LOCKSTEP_RUNS\"]";
  const std::string_view page = report_page();
  const std::size_t at = page.find(kPlace);
  ensure(at != std::string_view::npos, "the report page has no place for runs");
  std::string html(page.substr(0, at));
  html += '[';
  for (const std::string& run : runs) {
    html += html.back() == '[' ? "" : ",";
    append_escaped(html, run);
  }
  html += ']';
  return html += page.substr(at + kPlace.size());
}

}  // namespace lockstep
