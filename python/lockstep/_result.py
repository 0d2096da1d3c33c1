"""The result of a run as arrays, DataFrames and a few figures."""

import json
import os
from functools import cached_property

from ._plot import result_html

_ROW = ("instance id", "request id", "model", "input", "output", "arrival", "end_time", "latency",
        "queuing_delay", "TTFT", "TPOT")


def _pandas():
    try:
        import pandas
    except ImportError as error:
        raise ImportError("DataFrames need pandas (Debian: python3-pandas); Result.arrays and "
                          "Result.to_csv() do without") from error
    return pandas


class Result:
    """A finished run. Times are ns, lengths tokens, sizes bytes; -1: not set.

    Arrays and columns look into the engine's memory without a copy and are read-only; copy what
    you want to change.
    """

    def __init__(self, core):
        self._core = core

    @cached_property
    def arrays(self):
        """The columns of the result file as NumPy arrays, by name, in its order of rows.

        `model` holds places in `models`. Request r's inter-token times are
        itl[itl_offsets[r]:itl_offsets[r + 1]].
        """
        return self._core.request_arrays()

    @property
    def models(self):
        """Names of the models that served."""
        return self._core.models

    @cached_property
    def requests(self):
        """DataFrame with one row a finished request: the columns of the result file, then session
        and call (-1: none)."""
        pandas = _pandas()
        arrays = dict(self.arrays)
        gaps, ends = arrays.pop("itl"), arrays.pop("itl_offsets")
        columns = {name: arrays[name] for name in _ROW}
        columns["model"] = pandas.Categorical.from_codes(arrays["model"], self.models)
        itl = pandas.Series([gaps[a:b] for a, b in zip(ends[:-1], ends[1:])], dtype=object)
        columns["ITL"] = itl
        columns["session"], columns["call"] = arrays["session"], arrays["call"]
        return pandas.DataFrame(columns, copy=False)

    @cached_property
    def steps(self):
        """DataFrame with one row for an instance's part in every step or wave.

        launch, end: ns; formed: when its own batch was ready; wave: equal for the members of one
        wave; tokens: real ones; padding: added to reach the longest member.
        """
        columns = self._core.step_arrays()
        columns["dummy"] = columns["dummy"].astype(bool)
        return _pandas().DataFrame(columns, copy=False)

    @cached_property
    def timeline(self):
        """DataFrame with one row for a stretch of time from `start` (ns) on: tokens that came in
        it, requests that ended, mean numbers of running and waiting ones."""
        import numpy
        columns = self._core.timeline_arrays()
        width = self._core.bucket_ns
        start = numpy.arange(len(columns["running"]), dtype=numpy.int64) * width
        return _pandas().DataFrame({"start": start, **columns}, copy=False)

    @cached_property
    def summary(self):
        """The figures of `lockstep run --json`, as a dict."""
        return json.loads(self._core.summary)

    @property
    def total_ns(self):
        """Simulated time to the end of the run."""
        return self._core.total_ns

    @property
    def warnings(self):
        """What was warned of before the start."""
        return self._core.warnings

    def to_csv(self, path=None):
        """The result file, byte for byte as `lockstep run --output` writes it.

        Without a path its bytes are returned. A file is replaced as a whole or not at all.
        """
        if path is None:
            return self._core.csv()
        self._core.write_csv(os.fspath(path))
        return None

    def __len__(self):
        return len(self.arrays["input"])

    def __repr__(self):
        return f"<lockstep.Result: {len(self)} requests in {self.total_ns / 1e9:.6f} s>"

    def _repr_html_(self):
        arrays = self._core.timeline_arrays()
        return result_html(self.summary, arrays, self._core.bucket_ns)
