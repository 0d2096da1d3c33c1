// Operation times that are simple to reckon by hand: one microsecond a call, plus sizes where a
// test needs to see them.
#pragma once

#include "perf/operations/operation_times.hpp"

namespace lockstep::testing {

class FakeTimes : public OperationTimes {
public:
  OperationTime gemm(const Gemm& o) const override {
    return of(1 + static_cast<double>(o.m) * 1e-3);
  }
  OperationTime context_attention(const ContextAttention& o) const override {
    return of(1 + static_cast<double>(o.batch * o.new_tokens) * 1e-2);
  }
  OperationTime generation_attention(const GenerationAttention& o) const override {
    return of(1 + static_cast<double>(o.batch * o.context) * 1e-5);
  }
  OperationTime decodes_beside(const DecodesBeside& o) const override {
    return of(static_cast<double>(o.decodes * o.context) * 1e-5);
  }
  OperationTime latent_module(const LatentAttention&) const override { return of(1); }
  OperationTime latent_attention(const LatentAttention&) const override { return of(1); }
  OperationTime latent_absorption(const LatentAbsorption&) const override { return of(1); }
  OperationTime experts(const GroupedExperts&) const override { return of(1); }
  OperationTime quantise(const Quantise&) const override { return of(1); }
  OperationTime delta_net(const GatedDeltaNet&) const override { return of(1); }
  OperationTime memory(const MemoryTraffic&) const override { return of(1); }
  OperationTime collective(const CollectiveCall&) const override { return of(1); }
  std::string description() const override { return "fake"; }

private:
  static OperationTime of(double micros) { return {micros, TimeSource::exact, 0}; }
};

}  // namespace lockstep::testing
