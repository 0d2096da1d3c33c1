// The clients' side of a run: owns all requests, lets them arrive in time order, chooses an
// instance for each, and releases the next call of a session when the call before it has ended.
//
// Not thread-safe. The schedulers and the workload must outlive the router.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/units.hpp"
#include "config/run_options.hpp"
#include "serving/load_index.hpp"
#include "serving/prefix_routing.hpp"
#include "serving/request.hpp"
#include "serving/request_stream.hpp"
#include "serving/scheduler.hpp"
#include "workload/workload.hpp"

namespace lockstep {

/// Of a run, by --skip-prefill.
[[nodiscard]] Prompts prompts_of(const RunOptions& options, const FidelityPolicy& policy);

class Router {
public:
  /// `schedulers` by instance id. Throws UserError for the custom policy, for a cluster that nobody
  /// can send a prompt to, and for prefill instances without a decode instance.
  Router(std::vector<Scheduler*> schedulers, RoutingPolicy policy,
         const PrefixRouting& prefix = {});

  /// Creates a request for every call; those without a predecessor become pending.
  /// Prompts must be computed on prefill/decode clusters (UserError). Once per router.
  void load(const Workload& workload, Prompts prompts = Prompts::computed);
  /// The same of requests that come one by one; each is gone when it has ended.
  void stream(const StreamedWorkload& workload, Prompts prompts = Prompts::computed);
  /// Null: the requests are not streamed.
  [[nodiscard]] const RequestStream* streamed() const { return stream_.get(); }
  /// Instead of a dataset: 16 requests of 64 + 64 tokens at time 0 queue on every instance.
  void load_built_in();

  /// Who decides instead of the policy: gets the request and the instances that may take it, in id
  /// order, and answers a place in that list; an answer out of it throws UserError. It is
  /// asked for the prompt and, with decode instances, again for the hand-over.
  using Chooser = std::function<std::size_t(const Request&, std::span<Scheduler* const>)>;
  void decide_by(Chooser chooser) { chooser_ = std::move(chooser); }

  /// Instead of a workload: requests come one by one, and nobody knows the last.
  void keep_open() { open_ = true; }
  [[nodiscard]] bool is_open() const { return open_; }
  /// `request` belongs to the caller and must outlive its completion; equal arrivals keep the
  /// order of the calls.
  void submit(Request& request);
  /// Takes it back, unless it has been routed (false).
  bool withdraw(const Request& request);

  /// Whether the instance takes requests; at first all do.
  void set_available(std::int32_t instance, bool available);
  [[nodiscard]] bool anybody_available() const { return !prefill_.candidates.empty(); }
  /// A request that an instance has lost: routed anew at `time`.
  void give_back(Request& request, Nanos time);

  /// When the run's first event is due: at least 1.
  [[nodiscard]] Nanos first_arrival() const;
  /// Nothing: there is none, or nobody who would take it.
  [[nodiscard]] std::optional<Nanos> next_arrival() const;
  [[nodiscard]] bool has_pending() const { return next_ < pending_.size() || !returned_.empty(); }
  [[nodiscard]] std::size_t num_pending() const {
    return pending_.size() - next_ + returned_.size() +
           (stream_ ? static_cast<std::size_t>(stream_->num_left()) : 0);
  }
  /// Requests may come that are not pending yet.
  [[nodiscard]] bool has_open_sessions() const { return open_ || open_sessions_ > 0; }
  /// Sessions with a call that has not completed.
  [[nodiscard]] std::size_t num_sessions_open() const { return open_sessions_; }

  /// Queues every request that has arrived by `now`, one after the other. Returns how many.
  std::size_t route_arrived(Nanos now);
  /// The instance that takes over a request whose prompt is computed.
  [[nodiscard]] Scheduler& choose_decode(const Request& request);
  /// A request has got all its tokens: its session goes on, or closes. A streamed one may be gone
  /// when the next ends.
  void on_complete(Request& request, Nanos now);

  /// By id; addresses are stable. The built-in workload: by id, then instance.
  [[nodiscard]] const std::deque<Request>& requests() const { return requests_; }

private:
  /// Instances that may take a kind of request, in id order, and where the rotation stands.
  struct Role {
    std::vector<Scheduler*> candidates;
    std::size_t counter = 0;
    std::unique_ptr<LoadIndex> loads{};  ///< once it is asked for
    std::vector<Scheduler*> homes{};     ///< by session; null: none yet
  };

  /// A request on its way back.
  struct Returned {
    Nanos time;
    Request* request = nullptr;
  };

  [[nodiscard]] Role& role_of(const Scheduler& scheduler) {
    return scheduler.instance().pd == PdType::decode ? decode_ : prefill_;
  }
  [[nodiscard]] Request* next_due(Nanos now);
  bool take_back_returned(const Request& request);
  Scheduler& choose(Role& role, const Request& request);
  Scheduler& choose_by_prefix(Request& request);
  Scheduler& choose_by_session(Role& role, const Request& request);
  /// The candidate in this place, behind which the rotation goes on.
  static Scheduler& take(Role& role, std::size_t place);
  Scheduler& choose_by_caller(const Role& role, const Request& request) const;
  /// Among those that `eligible` names; null: among all.
  static std::size_t least_loaded(Role& role, const std::vector<bool>* eligible = nullptr);
  static std::size_t least_loaded_of(const Role& role, const std::vector<bool>& eligible);
  void enqueue(Request& request);
  void drop_routed();
  void read_ahead();
  void expect_computed(Prompts prompts) const;

  RoutingPolicy policy_;
  PrefixRouting prefix_routing_;
  Chooser chooser_;
  Role prefill_;
  Role decode_;
  std::vector<Scheduler*> schedulers_;
  MersenneTwister random_;  ///< one stream for both roles

  std::deque<Request> requests_;
  std::vector<Request*> pending_;  ///< sorted by arrival from next_ on; before it: routed
  std::size_t next_ = 0;
  std::vector<Returned> returned_;  ///< by time
  std::vector<bool> away_;          ///< by instance; empty: nobody
  std::size_t open_sessions_ = 0;
  bool open_ = false;
  const Workload* workload_ = nullptr;
  std::unique_ptr<RequestStream> stream_;
};

}  // namespace lockstep
