#include "report/curve_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>
#include <vector>

namespace lockstep {
namespace {

constexpr std::size_t kRows = 14;
constexpr std::size_t kMargin = 10;  // of the times on the left
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";

/// Range of a set of curves, each bound above 0 and the upper one above the lower.
struct Frame {
  double x_low = 1, x_high = 2, y_low = 1, y_high = 2;

  /// Where a value stands in the frame, 0 to 1.
  [[nodiscard]] double across(double x) const { return part(x, x_low, x_high); }
  [[nodiscard]] double up(double y) const { return part(y, y_low, y_high); }

private:
  static double part(double value, double low, double high) {
    return std::log(value / low) / std::log(high / low);
  }
};

/// A time of 0 has no place on a logarithmic axis and stands at its foot.
double shown(double micros) {
  constexpr double kLeast = 1e-3;
  return std::max(micros, kLeast);
}

Frame frame_of(const CurveSet& set) {
  Frame frame;
  bool first = true;
  for (const ShownCurve& curve : set.curves) {
    for (const auto& [key, micros] : curve.points) {
      const auto x = static_cast<double>(key);
      const double y = shown(micros);
      frame.x_low = first ? x : std::min(frame.x_low, x);
      frame.x_high = first ? x : std::max(frame.x_high, x);
      frame.y_low = first ? y : std::min(frame.y_low, y);
      frame.y_high = first ? y : std::max(frame.y_high, y);
      first = false;
    }
  }
  constexpr double kLeastSpan = 1.1;
  frame.x_high = std::max(frame.x_high, frame.x_low * kLeastSpan);
  frame.y_high = std::max(frame.y_high, frame.y_low * kLeastSpan);
  return frame;
}

std::size_t cell(double part, std::size_t count) {
  return static_cast<std::size_t>(std::lround(part * static_cast<double>(count - 1)));
}

std::string micros_text(double micros) {
  return fmt::format("{:.4g} us", micros);
}

std::string svg_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr double kWidth = 720, kHeight = 300, kLeft = 70, kRight = 190, kTop = 34, kBottom = 34;
constexpr std::array<std::string_view, 8> kColours{"#2a78b8", "#c0562b", "#2e8b57", "#8a5fbf",
                                                   "#b8860b", "#c2417c", "#3f9aa6", "#7a7a7a"};

void append_curve(std::string& svg, const ShownCurve& curve, const Frame& frame,
                  std::size_t number) {
  const std::string_view colour = kColours[number % kColours.size()];
  std::string points;
  for (const auto& [key, micros] : curve.points) {
    fmt::format_to(std::back_inserter(points), "{:.1f},{:.1f} ",
                   kLeft + frame.across(static_cast<double>(key)) * (kWidth - kLeft - kRight),
                   kHeight - kBottom - frame.up(shown(micros)) * (kHeight - kTop - kBottom));
  }
  const double y = kTop + 8 + 18 * static_cast<double>(number);
  svg += fmt::format(
      "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"{}>"
      "<title>{}</title></polyline>\n<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n",
      points, colour, number < kColours.size() ? "" : " stroke-dasharray=\"5 3\"",
      svg_escaped(curve.name), kWidth - kRight + 14, y, colour, svg_escaped(curve.name));
}

void append_set(std::string& svg, const CurveSet& set, double offset) {
  const Frame frame = frame_of(set);
  const double foot = kHeight - kBottom;
  const double end = kWidth - kRight;
  svg += fmt::format(
      "<g transform=\"translate(0,{})\">\n<text x=\"{}\" y=\"20\" font-weight=\"bold\" "
      "fill=\"#888\">{}</text>\n<path d=\"M{},{}V{}H{}\" fill=\"none\" stroke=\"#888\"/>\n",
      offset, kLeft, svg_escaped(set.title), kLeft, kTop, foot, end);
  const auto label = [&](double x, double y, std::string_view anchor, const std::string& text) {
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"#888\">{}</text>\n", x, y,
                       anchor, svg_escaped(text));
  };
  label(kLeft - 6, kTop + 4, "end", micros_text(frame.y_high));
  label(kLeft - 6, foot, "end", micros_text(frame.y_low));
  label(kLeft, foot + 16, "start", fmt::format("{:.0f}", frame.x_low));
  label(end, foot + 16, "end", fmt::format("{:.0f}", frame.x_high));
  label((kLeft + end) / 2, foot + 16, "middle", set.x_name);
  for (std::size_t i = 0; i < set.curves.size(); ++i) {
    append_curve(svg, set.curves[i], frame, i);
  }
  svg += "</g>\n";
}

}  // namespace

std::string curve_text(const CurveSet& set, std::int32_t columns) {
  const std::size_t width = static_cast<std::size_t>(std::max(columns, 40)) - kMargin - 2;
  const Frame frame = frame_of(set);
  std::vector<std::string> rows(kRows, std::string(width, ' '));
  for (std::size_t i = 0; i < set.curves.size(); ++i) {
    for (const auto& [key, micros] : set.curves[i].points) {
      rows[kRows - 1 - cell(frame.up(shown(micros)), kRows)]
          [cell(frame.across(static_cast<double>(key)), width)] = kLetters[i % kLetters.size()];
    }
  }
  std::string text = set.title + "\n";
  for (std::size_t r = 0; r < kRows; ++r) {
    const std::string mark = r == 0           ? micros_text(frame.y_high)
                             : r == kRows - 1 ? micros_text(frame.y_low)
                                              : "";
    text += fmt::format("{:>{}} |{}", mark, kMargin, rows[r]);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  const std::string low = fmt::format("{:.0f}", frame.x_low);
  const std::string high = fmt::format("{:.0f} {}", frame.x_high, set.x_name);
  text += fmt::format("{:{}} +{:-<{}}\n{:{}}  {}{:>{}}\n", "", kMargin, "", width, "", kMargin, low,
                      high, width - low.size());
  for (std::size_t i = 0; i < set.curves.size(); ++i) {
    text += fmt::format("{:{}}  {} {}\n", "", kMargin, kLetters[i % kLetters.size()],
                        set.curves[i].name);
  }
  return text;
}

std::string curves_svg(std::span<const CurveSet> sets) {
  const double height = kHeight * static_cast<double>(sets.size());
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\">\n",
      kWidth, height);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    append_set(svg, sets[i], kHeight * static_cast<double>(i));
  }
  return svg + "</svg>\n";
}

}  // namespace lockstep
