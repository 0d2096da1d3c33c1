"""Mixed into vLLM's worker (worker_extension_cls): runs made-up steps under its profiler.

Written for the interfaces of vLLM 0.19; has not run where it was written.
"""

from contextlib import contextmanager

from .grids import BLOCK, expert_of


class StepWorker:
    """Methods that VllmTimer calls over collective_rpc; `self` is vLLM's worker."""

    def lockstep_facts(self):
        blocks = self.model_runner.kv_cache_config.num_blocks
        return {"kv_tokens": blocks * BLOCK, "model_len": self.model_runner.max_model_len}

    def lockstep_step(self, shot, iterations, active_experts=0):
        """Runs the step once to warm up and `iterations` times under the profiler; returns its
        tree as dicts. `active_experts` forces the routing to so many."""
        from vllm.profiler.layerwise_profile import layerwise_profile
        with _forced_routing(self.model_runner.model, active_experts):
            self._lockstep_run(shot)
            with layerwise_profile() as profile:
                for _ in range(iterations):
                    self._lockstep_run(shot)
        return profile.results.convert_stats_to_dict()["summary_stats"]

    def _lockstep_run(self, shot):
        from vllm import SamplingParams
        from vllm.v1.core.sched.output import CachedRequestData, NewRequestData, SchedulerOutput
        new, scheduled, block = [], {}, 1
        for number, (tokens, history) in enumerate(shot):
            count = max(-(-(tokens + history) // BLOCK), 1)
            name = f"lockstep-{number}"
            new.append(NewRequestData(
                req_id=name, prompt_token_ids=[1] * (tokens + history), mm_features=[],
                sampling_params=SamplingParams(max_tokens=1), pooling_params=None,
                block_ids=(list(range(block, block + count)),), num_computed_tokens=history,
                lora_request=None))
            scheduled[name] = tokens
            block += count
        step = SchedulerOutput(
            scheduled_new_reqs=new, scheduled_cached_reqs=CachedRequestData.make_empty(),
            num_scheduled_tokens=scheduled, total_num_scheduled_tokens=sum(scheduled.values()),
            scheduled_spec_decode_tokens={}, scheduled_encoder_inputs={},
            num_common_prefix_blocks=[0], finished_req_ids=set(), free_encoder_mm_hashes=[])
        if self.model_runner.execute_model(step) is None:
            self.model_runner.sample_tokens(None)
        for name in scheduled:
            self.model_runner.requests.pop(name, None)
            self.model_runner.input_batch.remove_request(name)


@contextmanager
def _forced_routing(model, active):
    """Every expert layer routes evenly over the first `active` experts; 0: as the model does."""
    import torch
    layers = [m for m in model.modules() if type(m).__name__ == "FusedMoE"] if active else []
    kept = [layer.custom_routing_function for layer in layers]

    def route(hidden_states, gating_output, topk, renormalize):
        rows = torch.arange(len(hidden_states), device=hidden_states.device)[:, None]
        slots = torch.arange(topk, device=hidden_states.device)[None, :]
        experts = expert_of(rows, slots, topk, active).to(torch.int32)
        return torch.full(experts.shape, 1 / topk, device=experts.device), experts
    try:
        for layer in layers:
            layer.custom_routing_function = route
        yield
    finally:
        for layer, function in zip(layers, kept):
            layer.custom_routing_function = function
