// Step terms fitted to recorded runs: how much longer a step takes than its kernels add up to. A
// sum of hat functions of the number of decodes, for steps without prompts and with, and slopes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

/// What the terms see of a step: of all members of a wave together.
struct StepFeatures {
  double decodes = 0;        ///< sequences with one token, padding and dummies left out
  double prompt_tokens = 0;  ///< computed in this step
  double context = 0;        ///< tokens of KV that the decodes read
};

/// One set of terms, for one kind of instance.
struct StepTerms {
  std::string hardware, model;
  std::int64_t tp = 1, group = 1;  ///< degree, and members of the DP group
  std::vector<double> knots;       ///< numbers of decodes, ascending; none, or two and more
  std::vector<double> pure_ms;     ///< at the knots, steps without prompts
  std::vector<double> mixed_ms;    ///< at the knots, steps with prompts
  double ms_per_1k_prompt = 0;     ///< in steps with prompts
  double ms_per_1m_context = 0;    ///< in all steps

  [[nodiscard]] Nanos extra(const StepFeatures& step) const;
};

struct StepCalibration {
  std::vector<StepTerms> sets;

  /// Those of that hardware, model and plan; null: none. Milliseconds of one model say nothing of
  /// another (measured: terms of one recorded run make the others worse).
  [[nodiscard]] const StepTerms* find(const std::string& hardware, const std::string& model,
                                      std::int64_t tp, std::int64_t group) const;
};

/// Reads a JSON file of `lockstep calibrate`. Throws UserError naming file and path.
[[nodiscard]] std::shared_ptr<const StepCalibration> read_step_calibration(
    const std::filesystem::path& file);
[[nodiscard]] std::string to_json(const StepCalibration& calibration, const std::string& about);

}  // namespace lockstep
