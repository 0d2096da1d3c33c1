"""Runs: all at once, or step by step."""

import warnings

from ._inputs import engine_of
from ._result import Result


class RunWarning(UserWarning):
    """What the command line prints as a warning: a flag without effect, kernel times by a model."""


def _prepare(cluster, workload, router, policy, flags):
    if router is not None and flags.get("request_routing_policy") == "CUSTOM":
        flags = {**flags, "request_routing_policy": None}
    core = engine_of(cluster, workload, flags)
    if router is not None:
        core.route_by(router)
    if policy is not None:
        core.admit_by(policy)
    if not core.quiet:
        for text in core.warnings:
            warnings.warn(text, RunWarning, stacklevel=3)
    return core


def run(cluster=None, workload=None, *, router=None, policy=None, **flags):
    """Simulates a workload on a cluster to its end.

    cluster   a cluster file, or its content as a dict
    workload  a file of JSON lines, or a list of dicts or a DataFrame with the same keys
              (input_toks, output_toks, arrival_time_ns, ...); None: the built-in one
    router    router(request, instances) -> Instance, or its place in the list
    policy    policy(instance, now, waiting) -> the requests that may enter the batch, in order
    flags     as of `lockstep run`, with _ for -: max_num_seqs=64, enable_prefix_caching=False

    Returns a Result. Raises lockstep.Error with the text of the command line.
    """
    core = _prepare(cluster, workload, router, policy, flags)
    core.finish(alone=True)
    return Result(core)


class Simulation:
    """A run step by step; arguments as of `run`. To be used by one thread.

        sim = lockstep.Simulation(cluster="cluster.json", workload="requests.jsonl")
        while sim.step():
            print(sim.now, sim.instances[0].num_waiting, sim.instances[0].free_blocks)
        result = sim.run()
    """

    def __init__(self, cluster=None, workload=None, *, router=None, policy=None, **flags):
        self._core = _prepare(cluster, workload, router, policy, flags)

    def step(self):
        """Goes on until the next batch (of a group: the next wave) starts, or to the end.

        False: the run is over.
        """
        return self._core.step()

    def poll(self):
        """Goes on to the next time at which anything happens. False: the run is over."""
        return self._core.poll()

    def run_until(self, time_ns):
        """Goes on until `now` is at least `time_ns`. False: the run is over."""
        return self._core.run_until(time_ns)

    def run(self):
        """Goes on to the end and returns the Result; writes the files that flags ask for."""
        self._core.finish()
        return Result(self._core)

    @property
    def now(self):
        """Simulated time, ns."""
        return self._core.now

    @property
    def over(self):
        """Whether the run has ended."""
        return self._core.over

    @property
    def steps(self):
        """Steps and waves that have started."""
        return self._core.launches

    @property
    def instances(self):
        """The instances, by id; they show the present state whenever they are asked."""
        return self._core.instances

    @property
    def requests(self):
        """All requests of the workload, by id; they show the present state."""
        return self._core.requests

    def __repr__(self):
        state = "over" if self.over else f"{self.steps} steps"
        return f"<lockstep.Simulation at {self.now / 1e9:.6f} s, {state}>"
