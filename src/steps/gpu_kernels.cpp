#include "steps/gpu_kernels.hpp"

namespace lockstep {

void take_kernels_of(const GpuFacts& gpu, StepOptions& options) {
  options.one_attention_kernel = attends_in_one_kernel(gpu.name);
  options.split_decodes = gpu.split_decodes;
  options.float32_tflops = gpu.peak(DataType::float32);
}

}  // namespace lockstep
