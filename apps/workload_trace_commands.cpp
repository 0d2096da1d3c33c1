#include "workload_trace_commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/mooncake_like.hpp"
#include "workload/public_trace.hpp"
#include "workload/workload_writer.hpp"
#include "written_workload.hpp"

namespace lockstep {
namespace {

/// `rate` > 0: scaled to that many arrivals per second.
void write_trace(const PublicTrace& trace, double scale, double rate, const std::string& output) {
  const std::vector<TraceRequest>& requests = trace.requests;
  const double span =
      static_cast<double>((requests.back().arrival - requests.front().arrival).count());
  if (rate > 0.0 && span > 0.0) {
    scale = rate * span / (1e9 * static_cast<double>(requests.size() - 1));
  }
  if (!(scale > 0.0)) {
    throw UserError(fmt::format("arrivals cannot be scaled by {}", scale),
                    Where{{}, 0, "--rate-scale"}, "give a number above 0");
  }
  WorkloadWriter writer(output);
  Written written;
  WorkloadRequest request;
  for (const TraceRequest& row : requests) {
    request.input_toks = row.input_toks;
    request.output_toks = row.output_toks;
    request.prefix_ids = row.prefix_ids;
    request.arrival = Nanos{truncate(static_cast<double>(row.arrival.count()) / scale)};
    writer.write_request(request);
    written.add(request);
  }
  writer.finish();
  report(written, output, 0);
  if (trace.without_tokens > 0) {
    fmt::print(stderr, "left out {} of {} rows: no prompt or no answer\n", trace.without_tokens,
               trace.rows);
  }
}

void add_trace(CLI::App& parent, const char* name, const char* help, TraceForm form,
               int& exit_code) {
  struct TraceFlags {
    std::string file, output;
    TraceSelection selection;
    double rate_scale = 1.0;
    double rate = 0.0;
  };
  CLI::App* command = parent.add_subcommand(name, help);
  auto flags = std::make_shared<TraceFlags>();
  TraceSelection& selection = flags->selection;
  command->add_option("FILE", flags->file, "file as published")->required();
  command->add_option("--output", flags->output, "file to write (JSON lines)")->required();
  command->add_option("--num-reqs", selection.max_requests, "the first N requests, 0 for all")
      ->capture_default_str();
  command->add_option("--start-sec", selection.start_seconds, "begin this long after the first")
      ->capture_default_str();
  command->add_option("--duration-sec", selection.duration_seconds, "length of the part taken");
  auto* scale = command->add_option("--rate-scale", flags->rate_scale,
                                    "arrivals come this many times as fast");
  command->add_option("--sps", flags->rate, "mean arrivals per second, by scaling")
      ->excludes(scale);
  if (form == TraceForm::burst_gpt) {
    command->add_option("--model", selection.model, "only ChatGPT, or only GPT-4");
    command->add_option("--log-type", selection.log_type,
                        "only 'Conversation log', or only 'API log'");
  }
  command->callback([flags, form, &exit_code] {
    write_trace(read_public_trace(flags->file, form, flags->selection), flags->rate_scale,
                flags->rate, flags->output);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void write_mooncake_like(const MooncakeLikeOptions& options, bool as_published,
                         const std::string& output) {
  MooncakeLikeGenerator generator(options);
  WorkloadWriter writer(output);
  Written written;
  WorkloadRequest request;
  while (generator.next(request)) {
    if (as_published) {
      writer.write_mooncake(request);
    } else {
      writer.write_request(request);
    }
    written.add(request);
  }
  writer.finish();
  report(written, output, options.seed);
}

}  // namespace

void add_trace_commands(CLI::App& parent, int& exit_code) {
  add_trace(parent, "from-azure", "an Azure LLM inference trace (2023, 2024)", TraceForm::azure,
            exit_code);
  add_trace(parent, "from-burstgpt", "a BurstGPT trace", TraceForm::burst_gpt, exit_code);
  add_trace(parent, "from-mooncake", "a Mooncake trace, with its shared prefixes",
            TraceForm::mooncake, exit_code);
}

void add_mooncake_like(CLI::App& parent, int& exit_code) {
  struct LikeFlags {
    MooncakeLikeOptions options;
    std::string like = "tool-agent";
    bool as_published = false;
    std::string output;
  };
  CLI::App* command = parent.add_subcommand(
      "mooncake-like", "requests with shared prefixes, of the size and form of a Mooncake trace");
  auto flags = std::make_shared<LikeFlags>();
  MooncakeLikeOptions& options = flags->options;
  command->add_option("--like", flags->like, "which of the published traces")
      ->check(CLI::IsMember({"conversation", "tool-agent"}))
      ->capture_default_str();
  command->add_option("--num-reqs", options.num_requests, "requests")->capture_default_str();
  command->add_option("--duration-sec", options.duration_seconds, "seconds in which they come")
      ->capture_default_str();
  command
      ->add_option("--tick-sec", options.tick_seconds,
                   "they come at multiples of it; 0: at any time")
      ->capture_default_str();
  command->add_option("--seed", options.seed, "same seed, same file")->capture_default_str();
  command->add_flag("--as-published", flags->as_published, "write Mooncake's own keys");
  command->add_option("--output", flags->output, "file to write (JSON lines)")->required();
  command->callback([flags, &exit_code] {
    flags->options.kind =
        flags->like == "conversation" ? MooncakeKind::conversation : MooncakeKind::tool_agent;
    write_mooncake_like(flags->options, flags->as_published, flags->output);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
