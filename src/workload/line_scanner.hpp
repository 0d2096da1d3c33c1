// One line of a workload, cut into its known keys. Nothing is converted yet and lists of token ids
// are only passed over, so a reader that does not want them never pays for them.
#pragma once

#include <simdjson.h>

#include <string_view>
#include <vector>

#include "workload/json_field.hpp"

namespace lockstep {

/// The known keys of a line or of a sub-request; of a key given twice the last one counts.
struct LineKeys {
  JsonValue input_toks;
  JsonValue output_toks;
  JsonValue arrival_time_ns;
  JsonValue tool_duration_ns;
  JsonValue input_tok_ids;
  JsonValue output_tok_ids;
  JsonValue session_id;
  JsonValue prefix_ids;
  JsonValue priority;
  JsonValue lora;
  JsonValue timestamp;  ///< this one and the next three: as Mooncake's traces name them
  JsonValue input_length;
  JsonValue output_length;
  JsonValue hash_ids;

  /// The slot of a key; null when the key is not known.
  [[nodiscard]] JsonValue* find(std::string_view name);
  [[nodiscard]] bool is_mooncake() const;
};

class LineScanner {
public:
  /// Takes a line in; LineReader::kPadding readable bytes must follow it. Throws UserError when the
  /// line is no JSON object. What the accessors give is valid until the next call.
  void scan(std::string_view line, const LinePlace& place);

  [[nodiscard]] const LineKeys& keys() const { return keys_; }
  /// True when the line has the key `sub_requests`.
  [[nodiscard]] bool is_session() const { return is_session_; }
  [[nodiscard]] const std::vector<LineKeys>& sub_requests() const { return sub_requests_; }

private:
  void scan_sub_requests(simdjson::ondemand::value value, const LinePlace& place);

  simdjson::ondemand::parser parser_;
  LineKeys keys_;
  std::vector<LineKeys> sub_requests_;
  bool is_session_ = false;
};

}  // namespace lockstep
