// The tables of a measured bundle as curves to look at: time over one key, the others fixed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

struct ShownCurve {
  std::string name;                                     ///< of the layer, or the key that is fixed
  std::vector<std::pair<std::int64_t, double>> points;  ///< (key, us), ascending; keys above 0
};

struct CurveSet {
  std::string title;   ///< "tp1 dense"
  std::string x_name;  ///< "tokens"
  std::vector<ShownCurve> curves;
};

/// Of one degree of the bundle `dir`: dense layers, layers by request, prefills and decodes alone,
/// experts. Of keys with many values a few are taken. Throws UserError when the folder is missing,
/// holds no table or a table cannot be read.
[[nodiscard]] std::vector<CurveSet> bundle_curves(const std::filesystem::path& dir,
                                                  std::int64_t degree);

}  // namespace lockstep
