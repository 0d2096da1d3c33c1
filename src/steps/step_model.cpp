#include "steps/step_model.hpp"

#include <algorithm>
#include <utility>

#include "steps/kernel_count.hpp"
#include "steps/step_operations.hpp"

namespace lockstep {
namespace {

class ListSink final : public OperationSink {
public:
  explicit ListSink(const OperationTimes& times) : times_(times) {}
  void add(std::string_view name, const AnyOperation& operation, std::int64_t times) override {
    list.push_back({name, operation, times, time_of(times_, operation)});
  }
  std::vector<TimedOperation> list;

private:
  const OperationTimes& times_;
};

class SumSink final : public OperationSink {
public:
  explicit SumSink(const OperationTimes& times) : times_(times) {}
  void add(std::string_view /*name*/, const AnyOperation& operation, std::int64_t times) override {
    micros += time_of(times_, operation).micros * static_cast<double>(times);
  }
  double micros = 0;

private:
  const OperationTimes& times_;
};

class CountSink final : public OperationSink {
public:
  explicit CountSink(std::int64_t expert_kernels) : expert_kernels_(expert_kernels) {}
  void add(std::string_view /*name*/, const AnyOperation& operation, std::int64_t times) override {
    kernels += kernel_count(operation, expert_kernels_) * times;
  }
  std::int64_t kernels = 0;

private:
  std::int64_t expert_kernels_;
};

}  // namespace

StepModel::StepModel(ModelDescription model, ParallelSplit split, StepOptions options,
                     std::shared_ptr<const OperationTimes> times)
    : model_(std::move(model)),
      split_(split),
      options_(std::move(options)),
      times_(std::move(times)) {
  if (options_.split_decodes) {
    mixed_decodes_ = std::make_unique<MixedDecodes>(*options_.split_decodes);
  }
}

std::vector<TimedOperation> StepModel::operations(const StepBatch& batch) const {
  ListSink sink(*times_);
  const StepContext context{model_, split_, options_,
                            padded_tokens(options_.graph_sizes, batch.tokens())};
  add_row_operations(context, sink);
  add_mixing_operations(context, batch, sink);
  add_head_operations(context, batch.sampled(), sink);
  return std::move(sink.list);
}

std::int64_t StepModel::kernels(std::int64_t tokens) const {
  CountSink sink(options_.expert_kernels);
  const StepContext context{model_, split_, options_, tokens};
  add_row_operations(context, sink);
  add_mixing_operations(context, {{{tokens, 0, true}}, 0, 0}, sink);
  add_head_operations(context, 1, sink);
  return sink.kernels;
}

double StepModel::row_micros(std::int64_t tokens) {
  const auto [found, added] = rows_.try_emplace(tokens, 0.0);
  if (added) {
    SumSink sink(*times_);
    add_row_operations({model_, split_, options_, tokens}, sink);
    found->second = sink.micros;
  }
  return found->second;
}

double StepModel::head_micros(std::int64_t tokens, std::int64_t rows) {
  constexpr std::int64_t kMostRows = std::int64_t{1} << 20;
  const auto [found, added] = head_.try_emplace(tokens * kMostRows + rows, 0.0);
  if (added) {
    SumSink sink(*times_);
    add_head_operations({model_, split_, options_, tokens}, rows, sink);
    found->second = sink.micros;
  }
  return found->second;
}

double StepModel::micros(const StepBatch& batch) {
  const StepBatch* const alone = &batch;
  return group_micros({&alone, 1});
}

double StepModel::group_micros(std::span<const StepBatch* const> ranks) {
  std::int64_t tokens = 1;
  for (const StepBatch* batch : ranks) {
    tokens = std::max(tokens, batch->tokens());
  }
  tokens = padded_tokens(options_.graph_sizes, tokens);
  double mixing = 0;
  double head = 0;
  for (const StepBatch* batch : ranks) {
    SumSink sink(*times_);
    add_mixing_operations({model_, split_, options_, tokens, 0, mixed_decodes_.get()}, *batch,
                          sink);
    mixing = std::max(mixing, sink.micros);
    head = std::max(head, head_micros(tokens, batch->sampled()));
  }
  return row_micros(tokens) + mixing + head;
}

}  // namespace lockstep
