#include "config/step_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/knots.hpp"
#include "base/read_log.hpp"
#include "config/json_view.hpp"

namespace lockstep {
namespace {

constexpr double kNanosPerMs = 1e6;

std::vector<double> numbers(const JsonView& view, std::string_view key, std::size_t count) {
  const JsonView list = view.require(key, "a set of step terms").array();
  std::vector<double> values;
  for (std::size_t i = 0; i < list.size(); ++i) {
    values.push_back(list.item(i).number());
  }
  if (count > 0 && values.size() != count) {
    list.fail("there must be as many values as knots", "fit the file again");
  }
  return values;
}

StepTerms read_terms(const JsonView& view) {
  const auto need = [&](std::string_view key) { return view.require(key, "a set of step terms"); };
  StepTerms terms;
  terms.hardware = need("hardware").text();
  terms.model = need("model").text();
  terms.tp = need("tp_size").integer_between(1, 1 << 20);
  terms.group = need("dp_group_size").integer_between(1, 1 << 20);
  terms.knots = numbers(view, "decodes", 0);
  if (terms.knots.size() < 2 || !std::ranges::is_sorted(terms.knots, std::less_equal<>{})) {
    need("decodes").fail("there must be two knots or more, and they must ascend",
                         "fit the file again");
  }
  terms.pure_ms = numbers(view, "pure_ms", terms.knots.size());
  terms.mixed_ms = numbers(view, "mixed_ms", terms.knots.size());
  terms.ms_per_1k_prompt = need("ms_per_1k_prompt_tokens").number();
  terms.ms_per_1m_context = need("ms_per_1m_context_tokens").number();
  return terms;
}

}  // namespace

Nanos StepTerms::extra(const StepFeatures& step) const {
  const bool mixed = step.prompt_tokens > 0;
  double ms = knots.empty() ? 0 : between_knots(knots, mixed ? mixed_ms : pure_ms, step.decodes);
  ms += ms_per_1k_prompt * step.prompt_tokens / 1e3 + ms_per_1m_context * step.context / 1e6;
  return Nanos{std::llround(ms * kNanosPerMs)};
}

const StepTerms* StepCalibration::find(const std::string& hardware, const std::string& model,
                                       std::int64_t tp, std::int64_t group) const {
  const auto found = std::ranges::find_if(sets, [&](const StepTerms& terms) {
    return terms.hardware == hardware && terms.model == model && terms.tp == tp &&
           terms.group == group;
  });
  return found == sets.end() ? nullptr : &*found;
}

std::shared_ptr<const StepCalibration> read_step_calibration(const std::filesystem::path& file) {
  ReadLog::note(file, "calibration");
  const JsonDocument document = JsonDocument::read(file);
  const JsonView root = JsonView::root(document);
  const JsonView list = root.object().require("sets", "a calibration").array();
  auto calibration = std::make_shared<StepCalibration>();
  for (std::size_t i = 0; i < list.size(); ++i) {
    calibration->sets.push_back(read_terms(list.item(i).object()));
  }
  return calibration;
}

std::string to_json(const StepCalibration& calibration, const std::string& about) {
  nlohmann::ordered_json root;
  root["about"] = about;
  root["sets"] = nlohmann::ordered_json::array();
  const auto rounded = [](double value) { return std::round(value * 1e4) / 1e4; };
  const auto list = [&](const std::vector<double>& values) {
    auto out = nlohmann::ordered_json::array();
    for (const double value : values) {
      out.push_back(rounded(value));
    }
    return out;
  };
  for (const StepTerms& terms : calibration.sets) {
    nlohmann::ordered_json set;
    set["hardware"] = terms.hardware;
    set["model"] = terms.model;
    set["tp_size"] = terms.tp;
    set["dp_group_size"] = terms.group;
    set["decodes"] = list(terms.knots);
    set["pure_ms"] = list(terms.pure_ms);
    set["mixed_ms"] = list(terms.mixed_ms);
    set["ms_per_1k_prompt_tokens"] = rounded(terms.ms_per_1k_prompt);
    set["ms_per_1m_context_tokens"] = rounded(terms.ms_per_1m_context);
    root["sets"].push_back(set);
  }
  return root.dump(2) + "\n";
}

}  // namespace lockstep
