// The text form of a trace: three header lines, then one line of eleven padded fields a row.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "iteration/trace.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kNameWidth = 30;
constexpr std::size_t kFieldWidth = 15;
constexpr std::size_t kFields = 11;
constexpr std::size_t kLineLength = kNameWidth + (kFields - 1) * (kFieldWidth + 1) + 1;

std::string_view type_word(ExecutionType type) {
  constexpr std::array<std::string_view, 4> words = {"COLOCATED", "PREFILL", "DECODE", "EVENT"};
  return words[static_cast<std::size_t>(type)];
}

std::string_view tag_word(BatchTag tag) {
  constexpr std::array<std::string_view, 3> words = {"NONE", "BATCH_1", "BATCH_2"};
  return words[static_cast<std::size_t>(tag)];
}

/// Writes lines field by field; every field but the last is followed by one more space.
class LineWriter {
public:
  explicit LineWriter(std::string& out) : out_(out) {}

  void name(std::string_view text) { padded(text, kNameWidth); }
  void field(std::string_view text) {
    out_ += ' ';
    padded(text, kFieldWidth);
  }
  void field(std::int64_t value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    field(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }
  void field(const MemoryLocation& location) {
    location.tier == MemoryTier::local ? field("LOCAL") : field(to_string(location));
  }
  void end() { out_ += '\n'; }

private:
  void padded(std::string_view text, std::size_t width) {
    out_ += text;
    if (text.size() < width) {
      out_.append(width - text.size(), ' ');
    }
  }

  std::string& out_;
};

std::string comm_text(const TraceRow& row) {
  std::string text(collective_name(row.comm));
  if (row.comm != CollectiveKind::none && row.comm_mask.given()) {
    text += ':' + to_string(row.comm_mask);
  }
  return text;
}

std::string marker_text(const TraceRow& row) {
  switch (row.kind) {
    case RowKind::expert:
      return fmt::format("EXPERT {} {} {}", row.index, comm_text(row), row.comm_size.count());
    case RowKind::expert_end:
      return fmt::format("EXPERT END {} {}", comm_text(row), row.comm_size.count());
    case RowKind::pim:
      return fmt::format("PIM {}", row.index);
    default:
      return "PIM END";
  }
}

bool is_marker(RowKind kind) {
  return kind == RowKind::expert || kind == RowKind::expert_end || kind == RowKind::pim ||
         kind == RowKind::pim_end;
}

void write_row(LineWriter& line, const TraceRow& row, std::string_view name) {
  line.name(name);
  line.field(row.comp_time.count());
  line.field(row.input_loc);
  line.field(row.input_size.count());
  line.field(row.weight_loc);
  line.field(row.weight_size.count());
  line.field(row.output_loc);
  line.field(row.output_size.count());
  line.field(comm_text(row));
  line.field(row.comm_size.count());
  line.field(tag_word(row.tag));
  line.end();
}

void write_marker(LineWriter& line, const TraceRow& row) {
  line.name(marker_text(row));
  for (std::size_t i = 1; i < kFields; ++i) {
    line.field("");
  }
  line.end();
}

void write_columns(LineWriter& line) {
  line.name("Layername");
  for (const char* column : {"comp_time", "input_loc", "input_size", "weight_loc", "weight_size",
                             "output_loc", "output_size", "comm_type", "comm_size", "misc"}) {
    line.field(column);
  }
  line.end();
}

}  // namespace

std::string to_text(const IterationTrace& trace) {
  std::string out =
      fmt::format("{}\t\tmodel_parallel_NPU_group: {}", type_word(trace.type), trace.pp_size);
  for (std::size_t i = 0; i < trace.stage_boundaries.size(); ++i) {
    out +=
        fmt::format("{}{}", i == 0 ? "\t\tpp_stage_boundaries: " : ",", trace.stage_boundaries[i]);
  }
  const std::int64_t rows = trace.num_rows();
  out += fmt::format("\n{}\n", rows);
  out.reserve(out.size() + kLineLength * static_cast<std::size_t>(rows + 1));
  LineWriter line(out);
  write_columns(line);
  std::int64_t number = 0;
  for (const TraceSegment& segment : trace.segments) {
    for (std::int64_t copy = 0; copy < segment.repeat; ++copy) {
      for (const TraceRow& row : segment.rows) {
        is_marker(row.kind) ? write_marker(line, row)
                            : write_row(line, row, fmt::format("{}_{}", row.name, number));
        ++number;
      }
    }
  }
  return out;
}

std::string event_trace_text(Nanos alarm) {
  std::string out = fmt::format("{}\n1\n", type_word(ExecutionType::event));
  LineWriter line(out);
  write_columns(line);
  TraceRow row;
  row.comp_time = alarm;
  row.input_loc = MemoryLocation{MemoryTier::remote};
  row.output_loc = row.input_loc;
  write_row(line, row, fmt::format("event_{}ns", alarm.count()));
  return out;
}

}  // namespace lockstep
