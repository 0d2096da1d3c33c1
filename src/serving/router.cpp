#include "serving/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/run_seed.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kBuiltInRequests = 16;
constexpr std::int64_t kBuiltInPrompt = 64;
constexpr std::int64_t kBuiltInTotal = 128;

/// Queue length, waiting requests counting four times, relative to what the instance can run.
double load_score(const Scheduler& scheduler) {
  const auto queued = 4 * static_cast<std::int64_t>(scheduler.num_waiting()) +
                      static_cast<std::int64_t>(scheduler.num_running());
  const std::int64_t max_num_seqs = scheduler.instance().max_num_seqs;
  const auto score = static_cast<double>(queued);
  return max_num_seqs == 0 ? score : score / static_cast<double>(max_num_seqs);
}

}  // namespace

Request make_request(const WorkloadRequest& source, Prompts prompts) {
  Request request;
  request.id = source.id;
  request.input = request.num_tokens = source.input_toks;
  request.output = source.input_toks + source.output_toks;
  request.arrival = source.arrival;
  request.priority = source.priority;
  request.lora = source.lora;
  request.source = &source;
  request.is_init = prompts != Prompts::computed_unstamped;
  request.prompt_in_place = prompts == Prompts::in_place;
  return request;
}

Prompts prompts_of(const RunOptions& options, const FidelityPolicy& policy) {
  if (!options.skip_prefill) {
    return Prompts::computed;
  }
  return policy.skip_prefill_computes_prompt ? Prompts::computed_unstamped : Prompts::in_place;
}

Router::Router(std::vector<Scheduler*> schedulers, RoutingPolicy policy)
    : policy_(policy),
      schedulers_(std::move(schedulers)),
      random_(MersenneTwister::from_key(kRunSeed)) {
  if (policy == RoutingPolicy::custom) {
    throw UserError("request routing policy CUSTOM has no rule to follow",
                    Where{{}, 0, "--request-routing-policy"}, "choose LOAD, RR or RAND");
  }
  bool needs_decode = false;
  for (Scheduler* scheduler : schedulers_) {
    const PdType pd = scheduler->instance().pd;
    (pd == PdType::decode ? decode_ : prefill_).candidates.push_back(scheduler);
    needs_decode = needs_decode || pd == PdType::prefill;
  }
  if (prefill_.candidates.empty()) {
    throw UserError("no instance can compute prompts: all have pd_type decode",
                    Where{{}, 0, "nodes[*].instances[*].pd_type"},
                    "add an instance with pd_type prefill, or none");
  }
  if (needs_decode && decode_.candidates.empty()) {
    throw UserError("there are prefill instances, but no decode instance to hand requests to",
                    Where{{}, 0, "nodes[*].instances[*].pd_type"},
                    "add an instance with pd_type decode, or leave out pd_type");
  }
}

void Router::load(const Workload& workload, Prompts prompts) {
  ensure(requests_.empty(), "Router: a workload is loaded already");
  if (prompts != Prompts::computed && !decode_.candidates.empty()) {
    throw UserError("--skip-prefill leaves nothing to do for the prefill instances",
                    Where{{}, 0, "--skip-prefill"},
                    "leave the flag out, or use instances without pd_type");
  }
  workload_ = &workload;
  for (const WorkloadRequest& source : workload.requests) {
    Request& request = requests_.emplace_back(make_request(source, prompts));
    if (source.session < 0 || source.session_call == 0) {
      pending_.push_back(&request);
    }
  }
  std::stable_sort(pending_.begin(), pending_.end(),
                   [](const Request* a, const Request* b) { return a->arrival < b->arrival; });
  open_sessions_ = workload.sessions.size();
}

void Router::load_built_in() {
  ensure(requests_.empty(), "Router: a workload is loaded already");
  const auto instances = static_cast<std::int64_t>(schedulers_.size());
  for (std::int64_t id = 0; id < kBuiltInRequests; ++id) {
    for (Scheduler* scheduler : schedulers_) {
      Request& request = requests_.emplace_back();
      request.id = id;
      request.input = request.num_tokens = kBuiltInPrompt;
      request.output = kBuiltInTotal;
      // What the result file reports, which need not be the instance that runs it.
      request.instance = static_cast<std::int32_t>(id % instances);
      scheduler->add_request(request);
    }
  }
}

Nanos Router::first_arrival() const {
  return std::max(next_arrival().value_or(Nanos{1}), Nanos{1});
}

std::optional<Nanos> Router::next_arrival() const {
  return has_pending() ? std::optional(pending_[next_]->arrival) : std::nullopt;
}

std::size_t Router::route_arrived(Nanos now) {
  const std::size_t before = next_;
  while (has_pending() && pending_[next_]->arrival <= now) {
    Request& request = *pending_[next_++];
    Scheduler& scheduler = choose(prefill_, request);
    request.instance = scheduler.instance().id;
    scheduler.add_request(request);
  }
  return next_ - before;
}

Scheduler& Router::choose_decode(const Request& request) {
  return choose(decode_, request);
}

Scheduler& Router::choose_by_caller(const Role& role, const Request& request) const {
  const std::size_t choice = chooser_(request, role.candidates);
  if (choice >= role.candidates.size()) {
    throw UserError(fmt::format("the router's answer {} is none of its {} candidates", choice,
                                role.candidates.size()),
                    Where{{}, 0, "router"}, "answer a place in the list of candidates, from 0");
  }
  return *role.candidates[choice];
}

Scheduler& Router::choose(Role& role, const Request& request) {
  const std::size_t count = role.candidates.size();
  ensure(count > 0, "Router: no candidate for this role");
  if (chooser_) {
    return choose_by_caller(role, request);
  }
  std::size_t choice = 0;
  switch (policy_) {
    case RoutingPolicy::round_robin:
      choice = role.counter % count;
      role.counter = choice + 1;
      break;
    case RoutingPolicy::random:
      choice = static_cast<std::size_t>(random_.below(count));
      break;
    case RoutingPolicy::load:
    case RoutingPolicy::custom:
      choice = least_loaded(role);
      role.counter = (choice + 1) % count;
      break;
  }
  return *role.candidates[choice];
}

/// Among equals the first from the counter on, so that an idle cluster is filled in rotation.
std::size_t Router::least_loaded(const Role& role) {
  std::size_t best = 0;
  double best_score = std::numeric_limits<double>::infinity();
  for (std::size_t offset = 0; offset < role.candidates.size(); ++offset) {
    const std::size_t index = (role.counter + offset) % role.candidates.size();
    const double score = load_score(*role.candidates[index]);
    if (score < best_score) {
      best = index;
      best_score = score;
    }
  }
  return best;
}

void Router::on_complete(const Request& request, Nanos now) {
  if (request.source == nullptr || request.source->session < 0) {
    return;
  }
  const WorkloadRequest& call = *request.source;
  const auto session_index = static_cast<std::size_t>(call.session);
  const WorkloadSession& session = workload_->sessions[session_index];
  const std::int64_t next_call = call.session_call + std::int64_t{1};
  if (next_call >= session.num_calls) {
    --open_sessions_;
    return;
  }
  Request& next = requests_[static_cast<std::size_t>(session.first_request + next_call)];
  next.arrival = now + call.tool_duration;
  enqueue(next);
}

void Router::enqueue(Request& request) {
  const auto routed = pending_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto place =
      std::upper_bound(routed, pending_.end(), &request,
                       [](const Request* a, const Request* b) { return a->arrival < b->arrival; });
  pending_.insert(place, &request);
}

void Router::submit(Request& request) {
  constexpr std::size_t kMostRouted = 4096;  // an open run would keep them for ever
  if (next_ > kMostRouted) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
  }
  enqueue(request);
}

bool Router::withdraw(const Request& request) {
  const auto routed = pending_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto found = std::find(routed, pending_.end(), &request);
  if (found == pending_.end()) {
    return false;
  }
  pending_.erase(found);
  return true;
}

}  // namespace lockstep
