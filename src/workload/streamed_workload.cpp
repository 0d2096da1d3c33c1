#include "workload/streamed_workload.hpp"

#include <algorithm>
#include <deque>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {
namespace {

/// Puts requests in order of arrival that are a little out of it; equal ones keep their order.
class InOrder final : public RequestSource {
public:
  explicit InOrder(std::unique_ptr<RequestSource> source) : source_(std::move(source)) {}

  bool next(WorkloadRequest& request) override {
    WorkloadRequest read;
    while (!ended_ && held_.size() < kReorderedRequests) {
      ended_ = !source_->next(read);
      if (!ended_) {
        hold(std::move(read));
      }
    }
    if (held_.empty()) {
      return false;
    }
    request = std::move(held_.front());
    held_.pop_front();
    return true;
  }

private:
  void hold(WorkloadRequest request) {
    if (held_.empty() || held_.back().arrival <= request.arrival) {
      held_.push_back(std::move(request));
      return;
    }
    const auto place = std::upper_bound(
        held_.begin(), held_.end(), request.arrival,
        [](Nanos arrival, const WorkloadRequest& other) { return arrival < other.arrival; });
    held_.insert(place, std::move(request));
  }

  std::unique_ptr<RequestSource> source_;
  std::deque<WorkloadRequest> held_;
  bool ended_ = false;
};

class Generated final : public RequestSource {
public:
  Generated(const FlatOptions& options, double rate_scale)
      : generator_(options), rate_scale_(rate_scale) {}
  bool next(WorkloadRequest& request) override {
    if (!generator_.next(request)) {
      return false;
    }
    request.arrival = scaled_arrival(request.arrival, rate_scale_);
    return true;
  }

private:
  FlatGenerator generator_;
  double rate_scale_;
};

/// Nothing: they are not in order of arrival, or there are sessions.
std::optional<WorkloadSurvey> survey(RequestSource& source) {
  WorkloadSurvey survey;
  WorkloadRequest request;
  while (source.next(request)) {
    if (request.session >= 0 || request.lora >= 0 ||
        (survey.requests > 0 && request.arrival < survey.last_arrival)) {
      return std::nullopt;
    }
    ++survey.requests;
    const std::int64_t total = request.input_toks + std::max<std::int64_t>(request.output_toks, 1);
    survey.longest_input = std::max(survey.longest_input, request.input_toks);
    survey.longest_total = std::max(survey.longest_total, total);
    survey.first_arrival = std::min(survey.first_arrival, request.arrival);
    survey.last_arrival = request.arrival;
  }
  return survey;
}

}  // namespace

std::optional<StreamedWorkload> stream_workload(const std::filesystem::path& file,
                                                const WorkloadReadOptions& options) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored) && !std::filesystem::is_regular_file(file, ignored)) {
    return std::nullopt;  // it can be read once only
  }
  const auto open = [file, options]() -> std::unique_ptr<RequestSource> {
    return std::make_unique<InOrder>(open_workload(file, options));
  };
  const auto seen = survey(*open());
  return seen ? std::optional(StreamedWorkload{open, *seen}) : std::nullopt;
}

StreamedWorkload stream_generator(const FlatOptions& options, double rate_scale) {
  const auto open = [options, rate_scale]() -> std::unique_ptr<RequestSource> {
    return std::make_unique<Generated>(options, rate_scale);
  };
  const auto seen = survey(*open());
  ensure(seen.has_value(), "a generator's arrivals go back in time");
  return {open, *seen};
}

}  // namespace lockstep
