// Columns of whole numbers as text of a third of their JSON's length, for pages: each value as its
// difference from the one above, zigzag, seven bits a byte, base64, one line a column.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace lockstep {

class PackedColumns {
public:
  /// Every column of `table` that holds whole numbers or truths only becomes
  /// {"line": its place in text(), "rows": its length}. Others stay: what cannot be packed exactly
  /// is not packed.
  void pack(nlohmann::ordered_json& table);

  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
  int lines_ = 0;
};

}  // namespace lockstep
