import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

import numpy
import numpy.typing
import pandas
from typing_extensions import Unpack

__version__: str

_Path = str | os.PathLike[str]
_Integers = numpy.typing.NDArray[numpy.int64]

class Flags(TypedDict, total=False):
    max_num_seqs: int
    max_num_batched_tokens: int
    long_prefill_token_threshold: int
    dtype: Literal["float16", "bfloat16", "float32", "fp8", "int8"]
    request_routing_policy: Literal["LOAD", "RR", "RAND", "CUSTOM", "PREFIX", "SESSION"]
    expert_routing_policy: Literal["BALANCED", "RR", "RAND", "CUSTOM"]
    enable_block_copy: bool
    enable_prefix_caching: bool
    enable_chunked_prefill: bool
    enable_prefix_sharing: bool
    prefix_storage: Literal["None", "CPU", "CXL"]
    enable_local_offloading: bool
    enable_attn_offloading: bool
    enable_sub_batch_interleaving: bool
    reserve_full_isl: bool
    npu_memory_utilization: float
    block_size: int
    output: _Path
    run_id: str
    inputs_root: _Path
    cleanup_inputs: bool
    skip_prefill: bool
    num_reqs: int
    log_interval: float
    log_level: Literal["WARNING", "INFO", "DEBUG"]
    kv_cache_dtype: Literal["auto", "fp8"]
    network_backend: Literal["analytical", "ns3"]
    fidelity: Literal["reference", "vllm"]
    expert_exchange: Literal["allgather-reducescatter", "alltoall"]
    cache_threshold: float
    balance_abs_threshold: int
    balance_rel_threshold: float
    kv_transfer: Literal["layer-wise", "whole"]
    engine_terms: str
    num_gpu_blocks_override: int
    max_cudagraph_capture_size: int
    calibration: str
    kernel_times: Literal["auto", "layers", "operations"]
    scheduling_policy: Literal["fcfs", "priority"]
    step_policy: Literal["mixed", "prefill-first", "decode-first"]
    speculative_tokens: int
    acceptance_rate: float
    draft_cost_us: float
    speculative_seed: int
    max_loras: int
    max_lora_rank: int
    lora_load_bandwidth: float
    log_format: Literal["tree", "line"]
    json: bool
    quiet: bool
    save_run: _Path
    report: _Path
    trace: _Path
    perf_dir: _Path
    model_dir: _Path
    pim_dir: _Path
    fold_layers: bool
    strict: bool

class Error(ValueError):
    problem: str
    file: str | None
    line: int | None
    path: str | None
    mend: str | None

class InternalError(RuntimeError): ...
class RunWarning(UserWarning): ...

class Request:
    @property
    def id(self) -> int: ...
    @property
    def input(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def arrival(self) -> int: ...
    @property
    def instance(self) -> int: ...
    @property
    def computed(self) -> int: ...
    @property
    def generated(self) -> int: ...
    @property
    def preemptions(self) -> int: ...
    @property
    def status(self) -> Literal["waiting", "running", "preempted", "finished"]: ...
    @property
    def ttft(self) -> int | None: ...
    @property
    def end_time(self) -> int | None: ...
    @property
    def session(self) -> int: ...
    @property
    def call(self) -> int: ...
    @property
    def prompt_ids(self) -> numpy.typing.NDArray[numpy.int32]: ...

class Instance:
    @property
    def id(self) -> int: ...
    @property
    def model(self) -> str: ...
    @property
    def hardware(self) -> str: ...
    @property
    def role(self) -> Literal["prefill+decode", "prefill", "decode"]: ...
    @property
    def num_waiting(self) -> int: ...
    @property
    def num_running(self) -> int: ...
    @property
    def num_in_flight(self) -> int: ...
    @property
    def max_num_seqs(self) -> int: ...
    @property
    def block_size(self) -> int: ...
    @property
    def num_blocks(self) -> int: ...
    @property
    def free_blocks(self) -> int: ...
    @property
    def waiting(self) -> list[Request]: ...
    @property
    def running(self) -> list[Request]: ...

class Result:
    @property
    def arrays(self) -> dict[str, _Integers]: ...
    @property
    def models(self) -> list[str]: ...
    @property
    def requests(self) -> pandas.DataFrame: ...
    @property
    def steps(self) -> pandas.DataFrame: ...
    @property
    def timeline(self) -> pandas.DataFrame: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def total_ns(self) -> int: ...
    @property
    def warnings(self) -> list[str]: ...
    def to_csv(self, path: _Path | None = None) -> bytes | None: ...
    def __len__(self) -> int: ...
    def _repr_html_(self) -> str: ...

_Cluster = _Path | Mapping[str, Any] | None
_Workload = _Path | Iterable[Mapping[str, Any]] | pandas.DataFrame | None
_Router = Callable[[Request, list[Instance]], Instance | int]
_Policy = Callable[[Instance, int, list[Request]], Sequence[Request] | Iterable[int]]

def run(cluster: _Cluster = None, workload: _Workload = None, *, router: _Router | None = None,
        policy: _Policy | None = None, **flags: Unpack[Flags]) -> Result: ...

class Simulation:
    def __init__(self, cluster: _Cluster = None, workload: _Workload = None, *,
                 router: _Router | None = None, policy: _Policy | None = None,
                 **flags: Unpack[Flags]) -> None: ...
    def step(self) -> bool: ...
    def poll(self) -> bool: ...
    def run_until(self, time_ns: int) -> bool: ...
    def run(self) -> Result: ...
    @property
    def now(self) -> int: ...
    @property
    def over(self) -> bool: ...
    @property
    def steps(self) -> int: ...
    @property
    def instances(self) -> list[Instance]: ...
    @property
    def requests(self) -> list[Request]: ...
