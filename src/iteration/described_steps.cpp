#include "iteration/described_steps.hpp"

#include <algorithm>
#include <mutex>
#include <span>

#include "base/error.hpp"
#include "config/host_costs.hpp"
#include "iteration/trace_builder.hpp"
#include "perf/interpolation.hpp"
#include "steps/kernel_count.hpp"

namespace lockstep {
namespace {

Nanos nanos(double micros) {
  return micros > 0 ? whole_nanos(micros * 1e3) : Nanos{0};
}

Nanos kernel_launch() {
  return nanos(HostCosts{}.kernel_launch);
}

Nanos attention_launch() {
  return nanos(HostCosts{}.attention_launch);
}

CollectiveKind kind_of(CollectiveOp op) {
  switch (op) {
    case CollectiveOp::all_reduce:
    case CollectiveOp::vllm_all_reduce:
      return CollectiveKind::all_reduce;
    case CollectiveOp::all_gather:
      return CollectiveKind::all_gather;
    case CollectiveOp::reduce_scatter:
      return CollectiveKind::reduce_scatter;
    case CollectiveOp::all_to_all:
      return CollectiveKind::all_to_all;
  }
  throw InternalError("kind_of: collective out of range");
}

StepBatch step_of(const BatchShape& shape) {
  StepBatch step;
  for (const BatchEntry& entry : shape.entries) {
    if (entry.is_prompt()) {
      step.prompts.push_back({entry.tokens, entry.computed_before, true});
    } else {
      ++step.decodes;
      step.decode_context += entry.computed_before + 1;
      step.longest_decode = std::max(step.longest_decode, entry.computed_before + 1);
    }
  }
  if (shape.entries.empty()) {  // a dummy
    step.decodes = shape.attention.n_decode;
    step.decode_context = step.decodes * shape.attention.kv_decode_mean;
  }
  return step;
}

/// "attention, decodes" as "attention_decodes": a name is one word in a trace's text. Traces
/// outlive who made them, so the few names there are stay for good.
std::string_view trace_name(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string_view, std::string> names;
  const std::lock_guard lock(mutex);
  const auto [found, added] = names.try_emplace(name);
  if (added) {
    for (const char c : name) {
      const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (word) {
        found->second += c;
      } else if (!found->second.empty() && found->second.back() != '_' && c != '\'') {
        found->second += '_';
      }
    }
  }
  return found->second;
}

}  // namespace

/// The sum of one layer's operations that look back.
class DescribedSteps::MixingSum final : public OperationSink {
public:
  MixingSum(const DescribedSteps& steps, const BatchShape& shape) : steps_(steps), shape_(shape) {}
  void add(std::string_view /*name*/, const AnyOperation& operation, std::int64_t times) override {
    const OperationTime each = steps_.time(operation, &shape_);
    sum.time += nanos(each.micros) * times;
    sum.source = std::max(sum.source, each.source);
  }
  KernelTime sum{Nanos{0}, TimeSource::exact};

private:
  const DescribedSteps& steps_;
  const BatchShape& shape_;
};

/// Makes rows of the operations of one layer.
class DescribedSteps::Writer final : public OperationSink {
public:
  /// `shape`: of the step, where the rows are those that look back.
  Writer(DescribedSteps& steps, Rows& rows, bool exchanges, const BatchShape* shape = nullptr)
      : steps_(steps), rows_(rows), exchanges_(exchanges), shape_(shape), list_(&rows.before) {}

  void add(std::string_view name, const AnyOperation& operation, std::int64_t times) override {
    const OperationTime each = steps_.time(operation, shape_);
    rows_.lookups.add(each.source, times);
    for (std::int64_t i = 0; i < times; ++i) {
      if (const auto* call = std::get_if<CollectiveCall>(&operation)) {
        exchanges_ && call->op != CollectiveOp::vllm_all_reduce ? exchange(*call, each)
                                                                : attach(name, *call, each);
      } else if (exchanges_ && std::holds_alternative<GroupedExperts>(operation)) {
        experts(operation, each);
      } else if (each.micros > 0) {
        TraceRow& row = list_->emplace_back();
        row.name = trace_name(name);
        row.comp_time = nanos(each.micros);
        row.launch_time =
            kernel_launch() * kernel_count(operation, steps_.settings_.options.expert_kernels);
      }
    }
  }
  void mixing_comes_here() override { list_ = &rows_.after; }

private:
  /// Among replicas: in front of the experts' rows, or behind them.
  void exchange(const CollectiveCall& call, const OperationTime& each) {
    TraceRow& marker = list_->emplace_back();
    marker.kind = call.op == CollectiveOp::all_gather ? RowKind::expert : RowKind::expert_end;
    marker.launch_time = Nanos{0};
    marker.comm_mask = steps_.instance_.ep_mask;
    add_call(marker, call, each);
  }

  /// Each rank of the instance has rows of its own between the two.
  void experts(const AnyOperation& operation, const OperationTime& each) {
    TraceRow own;
    own.name = "expert";
    own.comp_time = nanos(each.micros);
    own.launch_time =
        kernel_launch() * kernel_count(operation, steps_.settings_.options.expert_kernels);
    list_->push_back(own);
    own.launch_time = Nanos{0};
    for (std::int64_t rank = 1; rank < steps_.instance_.local_ep; ++rank) {
      TraceRow& marker = list_->emplace_back();
      marker.kind = RowKind::expert;
      marker.index = static_cast<std::int32_t>(rank);
      marker.launch_time = Nanos{0};
      list_->push_back(own);
    }
  }

  /// To the row that it waits for. One that follows another of its kind goes into that; one of
  /// another kind, or behind what looks back, has a row of its own, of a nanosecond.
  void attach(std::string_view name, const CollectiveCall& call, const OperationTime& each) {
    const DimMask mask = steps_.instance_.tp_mask;
    const bool plain = !list_->empty() && list_->back().kind == RowKind::layer;
    const bool free = plain && list_->back().comm == CollectiveKind::none;
    const bool same = plain && list_->back().comm == kind_of(call.op);
    if (!free && !same) {
      TraceRow& own = list_->emplace_back();
      own.name = trace_name(name);
      own.comp_time = Nanos{1};
      own.launch_time = Nanos{0};
    }
    list_->back().comm_mask = mask;
    add_call(list_->back(), call, each);
  }

  void add_call(TraceRow& row, const CollectiveCall& call, const OperationTime& each) {
    row.comm = kind_of(call.op);
    row.comm_size += Bytes{static_cast<std::int64_t>(call.bytes)};
    row.launch_time += kernel_launch();
    if (steps_.settings_.measured_collectives) {
      row.comm_time += nanos(each.micros);
    }
  }

  DescribedSteps& steps_;
  Rows& rows_;
  bool exchanges_;
  const BatchShape* shape_;
  std::vector<TraceRow>* list_;
};

DescribedSteps::DescribedSteps(const Instance& instance,
                               std::shared_ptr<const OperationTimes> times,
                               DescribedSettings settings)
    : instance_(instance),
      times_(std::move(times)),
      split_(instance.split()),
      settings_(std::move(settings)) {
  ensure(times_ != nullptr && instance.description != nullptr,
         "a described model needs times of operations");
  if (settings_.decode_blocks) {
    decode_blocks_ = std::make_unique<DecodeBlockTimes>(*settings_.decode_blocks);
  }
  if (settings_.options.split_decodes) {
    even_decodes_ = std::make_unique<EvenDecodes>(*settings_.options.split_decodes);
  }
}

OperationTime DescribedSteps::time(const AnyOperation& operation, const BatchShape* shape) const {
  const auto* decodes = std::get_if<GenerationAttention>(&operation);
  if (even_decodes_ && shape != nullptr && decodes != nullptr) {
    GenerationAttention even = *decodes;
    even.context = even_decodes_->length(*shape, even.heads).value_or(even.context);
    return times_->generation_attention(even);
  }
  OperationTime each = time_of(*times_, operation);
  if (decode_blocks_ && shape != nullptr && decodes != nullptr) {
    if (const auto blocks = decode_blocks_->of(*shape, decodes->heads)) {
      constexpr double kNanosPerMicro = 1e3;
      each.micros = static_cast<double>(blocks->count()) / kNanosPerMicro;
      each.source = std::max(each.source, TimeSource::interpolated);
    }
  }
  return each;
}

StepContext DescribedSteps::context(std::int64_t tokens, std::int64_t group_tokens) const {
  return {*instance_.description, split_, settings_.options, tokens, group_tokens};
}

const std::vector<DescribedSteps::Rows>& DescribedSteps::rows_of(std::int64_t tokens,
                                                                 std::int64_t group_tokens) {
  const auto [found, added] = rows_.try_emplace({tokens, group_tokens});
  if (!added) {
    return found->second;
  }
  const StepContext at = context(tokens, group_tokens);
  Rows& first = found->second.emplace_back();
  Writer embedding(*this, first, false);
  add_embedding(at, embedding);
  for (const LayerGroup& group : instance_.description->layers) {
    Rows& rows = found->second.emplace_back();
    rows.copies = group.count;
    Writer writer(*this, rows, split_.attention_dp > 1);
    add_layer_rows(at, group.kind, 1, writer);
  }
  return found->second;
}

const DescribedSteps::Rows& DescribedSteps::head_of(std::int64_t tokens, std::int64_t rows) {
  const auto [found, added] = heads_.try_emplace({tokens, rows});
  if (added) {
    Writer writer(*this, found->second, false);
    add_head_operations(context(tokens, 0), rows, writer);
  }
  return found->second;
}

KernelTime DescribedSteps::mixing(const BatchShape& shape) const {
  const StepBatch step = step_of(shape);
  const StepContext at = context(shape.total_len, 0);
  KernelTime all{Nanos{0}, TimeSource::exact};
  for (const LayerGroup& group : instance_.description->layers) {
    MixingSum layer(*this, shape);
    add_layer_mixing(at, group.kind, step, 1, layer);
    all.time += layer.sum.time * group.count;
    all.source = std::max(all.source, layer.sum.source);
  }
  return all;
}

/// Host times depend on what runs as a graph: everything, all but what looks back, or nothing.
void DescribedSteps::write(const Rows& rows, std::span<const TraceRow> mixing, const Batch& batch,
                           TraceSegment& segment) {
  segment.rows.assign(rows.before.begin(), rows.before.end());
  segment.rows.insert(segment.rows.end(), mixing.begin(), mixing.end());
  segment.rows.insert(segment.rows.end(), rows.after.begin(), rows.after.end());
  segment.repeat = rows.copies;
  if (batch.graph != GraphUse::none) {
    for (TraceRow& row : segment.rows) {
      row.launch_time = Nanos{0};
    }
    if (batch.graph == GraphUse::pieces && !mixing.empty()) {
      segment.rows[rows.before.size()].launch_time = attention_launch();
    }
  }
  for (std::size_t i = 0; i < rows.lookups.by_source.size(); ++i) {
    step_lookups_.by_source[i] += rows.lookups.by_source[i] * rows.copies;
  }
}

/// The experts' rows of the first rank stand for all.
void DescribedSteps::book(const TraceSegment& segment, EnergySink& energy) {
  record_.clear();
  bool of_others = false;
  for (const TraceRow& row : segment.rows) {
    if (row.kind != RowKind::layer) {
      of_others = row.kind == RowKind::expert && row.index > 0;
      record_.add_comm(row.comm, row.comm_size, split_.ranks());
    } else if (!of_others) {
      if (row.comm != CollectiveKind::none) {
        record_.add_comm(row.comm, row.comm_size, split_.tp);
      }
      record_.add_npu(row.comp_time);
    }
  }
  record_.book(energy, segment.repeat);
}

void DescribedSteps::build(const Batch& batch, IterationTrace& out, EnergySink* energy) {
  ensure(batch.load == Bytes{0}, "a described model has no lower tier");
  const BatchShape shape = shape_of(batch, false);
  const StepBatch step = step_of(shape);
  const std::int64_t tokens = shape.total_len;
  const std::int64_t group_tokens = split_.attention_dp > 1 ? batch.wave_tokens : 0;
  const auto& layers = instance_.description->layers;
  const std::vector<Rows>& rows = rows_of(tokens, group_tokens);
  out.type = ExecutionType::colocated;
  out.pp_size = 1;
  out.stage_boundaries.clear();
  out.segments.resize(layers.size() + 2);
  step_lookups_ = {};
  write(rows.front(), {}, batch, out.segments.front());
  for (std::size_t kind = 0; kind < layers.size(); ++kind) {
    Rows mixing;
    Writer writer(*this, mixing, false, &shape);
    add_layer_mixing(context(tokens, group_tokens), layers[kind].kind, step, 1, writer);
    write(rows[kind + 1], mixing.before, batch, out.segments[kind + 1]);
  }
  write(head_of(tokens, std::max<std::int64_t>(step.sampled(), 1)), {}, batch, out.segments.back());
  TraceRow& first = out.segments.front().rows.front();
  first.input_loc = MemoryLocation{MemoryTier::remote, instance_.node};
  first.input_size = Bytes{tokens * 4};  // token ids
  TraceRow& last = out.segments.back().rows.back();
  last.output_loc = MemoryLocation{MemoryTier::remote, instance_.node};
  last.output_size = Bytes{step.sampled() * 4};
  count(step_lookups_, mixing(shape).source, 1);
  if (energy != nullptr) {
    for (const TraceSegment& segment : out.segments) {
      book(segment, *energy);
    }
  }
}

void DescribedSteps::count(const LookupCounts& others, TimeSource mixing, std::int64_t times) {
  for (std::size_t i = 0; i < others.by_source.size(); ++i) {
    lookups_.by_source[i] += others.by_source[i];
  }
  lookups_.add(mixing, times);
}

}  // namespace lockstep
