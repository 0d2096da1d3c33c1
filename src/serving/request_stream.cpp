#include "serving/request_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

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

RequestStream::RequestStream(const StreamedWorkload& workload, Prompts prompts)
    : source_(workload.open()), prompts_(prompts), left_(workload.survey.requests) {}

Request* RequestStream::next() {
  if (left_ == 0) {
    return nullptr;
  }
  if (free_.empty()) {
    free_.push_back(&slots_.emplace_back());
  }
  Slot& slot = *free_.back();
  if (!source_->next(slot.call)) {
    throw UserError("the workload has become shorter since the run began", {},
                    "leave the file alone until the run has ended");
  }
  free_.pop_back();
  --left_;
  std::vector<Nanos> gaps = std::move(slot.itl);  // its room is used again
  gaps.clear();
  static_cast<Request&>(slot) = make_request(slot.call, prompts_);
  slot.itl = std::move(gaps);
  return &slot;
}

void RequestStream::release(Request& request) {
  released_input_ += request.input;
  std::erase_if(ended_, [this](Request* other) {
    const bool over = other->num_in_flight == 0;
    if (over) {
      free_.push_back(static_cast<Slot*>(other));
    }
    return over;
  });
  ended_.push_back(&request);
}

}  // namespace lockstep
