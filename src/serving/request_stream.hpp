// The requests of a run that reads its workload while it goes: made when they are about to arrive,
// gone when they have ended.
//
// Not thread-safe. Addresses stay while a request lives; storage is used again.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "serving/request.hpp"
#include "workload/streamed_workload.hpp"

namespace lockstep {

/// What is to be done with the prompts of a workload.
enum class Prompts : std::uint8_t {
  computed,
  computed_unstamped,  ///< but neither TTFT nor queueing delay is stamped
  in_place,            ///< their KV comes with the request; only the last token is computed
};
/// As the workload says, not arrived yet; `source` must outlive it.
[[nodiscard]] Request make_request(const WorkloadRequest& source, Prompts prompts);

class RequestStream {
public:
  RequestStream(const StreamedWorkload& workload, Prompts prompts);

  /// The next one to arrive; null: there are no more. Throws UserError as read_workload() does.
  [[nodiscard]] Request* next();
  /// It has got all its tokens. It lives on until it is in no batch any more and another ends.
  void release(Request& request);

  /// How many next() has still to give.
  [[nodiscard]] std::int64_t num_left() const { return left_; }
  /// Prompt tokens of those released.
  [[nodiscard]] std::int64_t released_input() const { return released_input_; }
  /// Requests for which there is room: the most that lived at once.
  [[nodiscard]] std::size_t num_slots() const { return slots_.size(); }

private:
  struct Slot : Request {
    WorkloadRequest call;
  };

  std::unique_ptr<RequestSource> source_;
  Prompts prompts_;
  std::int64_t left_;
  std::int64_t released_input_ = 0;
  std::deque<Slot> slots_;
  std::vector<Slot*> free_;
  std::vector<Request*> ended_;  ///< in some batch when last looked at
};

}  // namespace lockstep
