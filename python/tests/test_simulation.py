"""Step by step, and callbacks."""

import gc
import threading
import weakref

import pytest

import lockstep
from conftest import MOE

pytestmark = pytest.mark.filterwarnings("ignore::lockstep.RunWarning")
MULTI = "configs/cluster/single_node_multi_instance.json"
SINGLE = "configs/cluster/single_node_single_instance.json"
PD = "configs/cluster/single_node_pd_instance.json"


def burst(count, **more):
    """Requests that arrive 1 us apart: long before the first of them is done."""
    return [{"input_toks": 200 + 10 * i, "output_toks": 4, "arrival_time_ns": 1000 * i, **more}
            for i in range(count)]


def test_steps_give_the_same_bytes():
    load = burst(20)
    whole = lockstep.run(MOE, load)
    sim = lockstep.Simulation(MOE, load)
    times = []
    while sim.step():
        times.append(sim.now)
    assert sim.over and not sim.step() and not sim.poll()
    assert times == sorted(times) and len(times) == sim.steps == whole.steps["wave"].nunique()
    assert sim.run().to_csv() == whole.to_csv()


def test_polls_and_times():
    sim = lockstep.Simulation(SINGLE, burst(5))
    assert sim.now == 0 and sim.poll()
    assert sim.run_until(5_000_000) and sim.now >= 5_000_000
    assert "steps" in repr(sim)
    with pytest.raises(lockstep.Error, match="not over"):
        lockstep.Result(sim._core).to_csv()
    assert not sim.run_until(10**15)


def test_views_show_the_present():
    sim = lockstep.Simulation(SINGLE, burst(30), max_num_seqs=8, fidelity="reference")
    instance = sim.instances[0]
    assert instance.free_blocks == instance.num_blocks and instance.running == []
    first = sim.requests[0]
    assert first.status == "waiting" and sim.step()
    assert first.status == "running" and first.ttft is None and first in instance.running
    assert first.computed == first.input == 200 and first.output == 4
    while instance.num_waiting == 0:
        assert sim.step()
    assert [r.id for r in instance.running] == list(range(len(instance.running)))
    assert instance.waiting[0].id == len(instance.running)
    assert instance.free_blocks < instance.num_blocks
    sim.run()
    assert first.status == "finished" and first.ttft > 0 and first.generated == 4
    assert instance.free_blocks == instance.num_blocks and "0 waiting" in repr(instance)
    del sim
    gc.collect()
    assert instance.id == 0 and "finished" in repr(first)


def test_prompt_ids_are_views():
    load = burst(1, input_tok_ids=list(range(200)))
    sim = lockstep.Simulation(SINGLE, load)
    ids = sim.requests[0].prompt_ids
    assert list(ids) == list(range(200)) and not ids.flags.owndata


def test_router_decides():
    seen = []

    def odd_and_even(request, instances):
        seen.append((request.id, [i.id for i in instances]))
        return instances[request.id % 2]
    result = lockstep.run(MULTI, burst(12), router=odd_and_even, request_routing_policy="CUSTOM")
    assert seen == [(i, [0, 1]) for i in range(12)]
    assert (result.requests["instance id"] == result.requests["request id"] % 2).all()
    by_place = lockstep.run(MULTI, burst(12), router=lambda request, _: request.id % 2)
    assert by_place.to_csv() == result.to_csv()


def test_router_that_repeats_the_default():
    def least_loaded(request, instances):
        loads = [4 * i.num_waiting + i.num_running for i in instances]
        order = [(least_loaded.next + k) % len(loads) for k in range(len(loads))]
        best = min(order, key=lambda k: loads[k])
        least_loaded.next = best + 1
        return best
    least_loaded.next = 0
    load = burst(40)
    assert lockstep.run(MULTI, load, router=least_loaded).to_csv() == \
        lockstep.run(MULTI, load).to_csv()


def test_router_of_handovers():
    roles = []

    def first(request, instances):
        roles.append((request.id, {i.role for i in instances}))
        return 0
    lockstep.run(PD, burst(3), router=first)
    assert sorted(roles, key=lambda entry: (entry[0], max(entry[1]) == "decode")) == [
        (i, {role}) for i in range(3) for role in ("prefill", "decode")]


def test_policy_that_repeats_the_default():
    for config in (SINGLE, MOE, PD):
        load = burst(40)
        plain = lockstep.run(config, load, max_num_seqs=6)
        asked = lockstep.run(config, load, max_num_seqs=6,
                             policy=lambda instance, now, waiting: waiting)
        assert asked.to_csv() == plain.to_csv()


def test_policy_orders():
    def shortest_last(instance, now, waiting):
        assert all(r.arrival <= now and r.status in ("waiting", "preempted") for r in waiting)
        assert waiting == instance.waiting
        return sorted(waiting, key=lambda request: -request.input)
    frame = lockstep.run(SINGLE, burst(12), max_num_seqs=1, policy=shortest_last).requests
    order = list(frame.sort_values("end_time")["request id"])
    assert order[0] == 0 and order[1:] == list(range(11, 0, -1))


def test_policy_chooses_who_enters():
    def one_at_a_time(instance, now, waiting):
        return [] if instance.num_running else range(1)
    result = lockstep.run(SINGLE, burst(6), policy=one_at_a_time)
    assert result.steps["requests"].max() == 1
    frame = result.requests.sort_values("request id")
    assert (frame["end_time"].shift(1, fill_value=0) <= frame["arrival"]
            + frame["queuing_delay"]).all()


def test_policy_that_admits_nobody_ends_the_run():
    with pytest.raises(lockstep.Error, match="policy admits none of 3 waiting"):
        lockstep.run(SINGLE, burst(3), policy=lambda *_: [])


@pytest.mark.parametrize("hooks, text", [
    ({"router": lambda *_: 7}, "the router answered 7"),
    ({"router": lambda *_: -1}, "the router answered -1"),
    ({"router": lambda *_: None}, "the router answered None"),
    ({"policy": lambda *_: 3}, "the policy answered 3"),
    ({"policy": lambda *_: [9]}, "the policy answered 9"),
    ({"policy": lambda *_: [0, 0]}, "names place 0 twice"),
])
def test_wrong_answers(hooks, text):
    with pytest.raises(lockstep.Error, match=text):
        lockstep.run(MULTI, burst(3), **hooks)


def test_exceptions_of_callbacks_come_out():
    def broken(request, instances):
        raise KeyError("mine")
    sim = lockstep.Simulation(MULTI, burst(3), router=broken)
    with pytest.raises(KeyError, match="mine"):
        sim.run()
    with pytest.raises(lockstep.Error, match="ended by an error"):
        sim.step()


def test_callbacks_come_in_the_calling_thread_and_cannot_advance():
    threads = set()

    def router(request, instances):
        threads.add(threading.get_ident())
        with pytest.raises(lockstep.Error, match="already being advanced"):
            sim.step()
        return 0
    sim = lockstep.Simulation(MULTI, burst(3), router=router)
    sim.run()
    assert threads == {threading.get_ident()}


def test_finished_simulations_are_freed():
    class Probe:
        def __call__(self, request, instances):
            return 0
    probe = Probe()
    probe.sim = lockstep.Simulation(MULTI, burst(3), router=probe)  # a circle through the engine
    probe.sim.run()
    gone = weakref.ref(probe)
    del probe
    gc.collect()
    assert gone() is None
