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

}  // namespace

Prompts prompts_of(const RunOptions& options, const FidelityPolicy& policy) {
  if (!options.skip_prefill) {
    return Prompts::computed;
  }
  return policy.skip_prefill_computes_prompt ? Prompts::computed_unstamped : Prompts::in_place;
}

Router::Router(std::vector<Scheduler*> schedulers, RoutingPolicy policy,
               const PrefixRouting& prefix)
    : policy_(policy),
      prefix_routing_(prefix),
      schedulers_(std::move(schedulers)),
      random_(MersenneTwister::from_key(kRunSeed)) {
  if (policy == RoutingPolicy::custom) {
    throw UserError("request routing policy CUSTOM has no rule to follow",
                    Where{{}, 0, "--request-routing-policy"},
                    "choose LOAD, RR, RAND, PREFIX or SESSION");
  }
  bool needs_decode = false;
  for (Scheduler* scheduler : schedulers_) {
    const PdType pd = scheduler->instance().pd;
    role_of(*scheduler).candidates.push_back(scheduler);
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

void Router::expect_computed(Prompts prompts) const {
  if (prompts != Prompts::computed && !decode_.candidates.empty()) {
    throw UserError("--skip-prefill leaves nothing to do for the prefill instances",
                    Where{{}, 0, "--skip-prefill"},
                    "leave the flag out, or use instances without pd_type");
  }
}

void Router::stream(const StreamedWorkload& workload, Prompts prompts) {
  ensure(requests_.empty() && !stream_, "Router: a workload is loaded already");
  expect_computed(prompts);
  stream_ = std::make_unique<RequestStream>(workload, prompts);
  read_ahead();
}

/// One request is there before it arrives, so that its time is known.
void Router::read_ahead() {
  if (!stream_ || next_ < pending_.size()) {
    return;
  }
  drop_routed();
  if (Request* request = stream_->next()) {
    pending_.push_back(request);
  }
}

/// A run of which nobody knows the end would keep them for ever.
void Router::drop_routed() {
  constexpr std::size_t kMostRouted = 4096;
  if (next_ > kMostRouted) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
  }
}

void Router::load(const Workload& workload, Prompts prompts) {
  ensure(requests_.empty() && !stream_, "Router: a workload is loaded already");
  expect_computed(prompts);
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

std::size_t Router::route_arrived(Nanos now) {
  if (!anybody_available()) {
    return 0;
  }
  std::size_t count = 0;
  for (Request* request = next_due(now); request != nullptr; request = next_due(now)) {
    const bool by_prefix = policy_ == RoutingPolicy::prefix && !chooser_;
    Scheduler& scheduler = by_prefix ? choose_by_prefix(*request) : choose(prefill_, *request);
    request->instance = scheduler.instance().id;
    scheduler.add_request(*request);
    ++count;
  }
  return count;
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
    case RoutingPolicy::session:
      return choose_by_session(role, request);
    case RoutingPolicy::load:
    case RoutingPolicy::custom:
    case RoutingPolicy::prefix:
      return take(role, least_loaded(role));
  }
  return *role.candidates[choice];
}

Scheduler& Router::take(Role& role, std::size_t place) {
  role.counter = (place + 1) % role.candidates.size();
  return *role.candidates[place];
}

std::size_t Router::least_loaded_of(const Role& role, const std::vector<bool>& eligible) {
  std::size_t best = 0;
  double best_score = std::numeric_limits<double>::infinity();
  for (std::size_t offset = 0; offset < role.candidates.size(); ++offset) {
    const std::size_t index = (role.counter + offset) % role.candidates.size();
    const double score = eligible[index] ? load_score(*role.candidates[index]) : best_score;
    if (score < best_score) {
      best = index;
      best_score = score;
    }
  }
  return best;
}

/// Among equals the first from the counter on, so that an idle cluster is filled in rotation.
std::size_t Router::least_loaded(Role& role, const std::vector<bool>* eligible) {
  if (eligible != nullptr) {
    return least_loaded_of(role, *eligible);
  }
  if (!role.loads) {
    role.loads = std::make_unique<LoadIndex>(role.candidates);
  }
  return role.loads->least(role.counter % role.candidates.size());
}

void Router::on_complete(Request& request, Nanos now) {
  if (stream_) {
    stream_->release(request);
    return;
  }
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
  drop_routed();
  enqueue(request);
}

bool Router::withdraw(const Request& request) {
  const auto routed = pending_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto found = std::find(routed, pending_.end(), &request);
  if (found == pending_.end()) {
    return take_back_returned(request);
  }
  pending_.erase(found);
  return true;
}

}  // namespace lockstep
