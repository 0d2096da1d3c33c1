#include "recorded_options.hpp"

namespace lockstep {

RunOptions options_of(const RecordedRun& run, const RecordedOptions& flags) {
  RunOptions options;
  options.cluster_config = run.cluster_config().string();
  options.dataset = flags.dataset ? *flags.dataset : find_dataset(run).string();
  options.num_reqs = run.num_requests;
  options.max_num_seqs = run.max_num_seqs;
  options.max_num_batched_tokens = run.max_num_batched_tokens;
  options.block_size = run.block_size;
  options.dtype = run.dtype;
  options.kv_cache_dtype = run.kv_cache_dtype;
  options.perf_dir = flags.perf_dir;
  options.model_dir = flags.model_dir;
  options.fidelity = flags.fidelity == "vllm" ? Fidelity::vllm : Fidelity::reference;
  if (options.fidelity == Fidelity::vllm) {
    options.num_gpu_blocks_override = run.num_gpu_blocks;
    options.engine_terms = engine_terms_from(flags.engine_terms, "--engine-terms");
    options.calibration = flags.calibration;
    options.kernel_times = flags.kernel_times == "operations" ? StepRule::operations
                           : flags.kernel_times == "layers"   ? StepRule::layers
                                                              : StepRule::automatic;
  }
  return options;
}

}  // namespace lockstep
