"""Lockstep from Python: simulate a cluster that serves a large language model.

    import lockstep
    result = lockstep.run(cluster="cluster.json", workload="requests.jsonl", max_num_seqs=64)
    result.requests["TTFT"].mean()

`run` does what `lockstep run` does and gives the same bytes; `Simulation` does it step by step,
with callbacks for the router and for who enters a batch. Times are integer nanoseconds, lengths
tokens, sizes bytes.
"""

import os
from pathlib import Path

from ._core import Error, Instance, InternalError, Request
from ._core import version as __version__
from ._result import Result
from ._simulation import RunWarning, Simulation, run

__all__ = ["Error", "Instance", "InternalError", "Request", "Result", "RunWarning", "Simulation",
           "run"]

# Of a wheel; the Debian package has its data where the program looks anyway.
_data = Path(__file__).resolve().parent / "data"
if _data.is_dir():
    os.environ.setdefault("LOCKSTEP_DATA_DIR", str(_data))
