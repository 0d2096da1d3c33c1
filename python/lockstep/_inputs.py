"""What a caller gives as cluster, workload and flags, as the engine reads it."""

import json
import os
from collections.abc import Mapping

from . import _core


def _plain(value):
    """NumPy's numbers and arrays as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _is_path(value):
    return isinstance(value, (str, os.PathLike))


def _cluster(cluster, args):
    """Text of a cluster that is no file."""
    if cluster is None:
        return None
    if _is_path(cluster):
        args.append(f"--cluster-config={os.fspath(cluster)}")
        return None
    if not isinstance(cluster, Mapping):
        raise TypeError("cluster: a path or a dict is wanted, not "
                        f"{type(cluster).__name__}")
    return json.dumps(cluster, default=_plain)


def _rows(workload):
    """A DataFrame's rows without its holes, or the dicts as they are."""
    if not hasattr(workload, "to_dict"):
        return workload
    rows = workload.to_dict("records")
    return [{key: value for key, value in row.items() if value is not None and value == value}
            if all(not hasattr(value, "__len__") or isinstance(value, str)
                   for value in row.values()) else row for row in rows]


def _workload(workload, args):
    """Text of a workload that is no file."""
    if workload is None:
        return None
    if _is_path(workload):
        args.append(f"--dataset={os.fspath(workload)}")
        return None
    return "".join(json.dumps(row, default=_plain) + "\n" for row in _rows(workload))


def _flags(flags, args):
    kinds = _core.flag_kinds()
    for key, value in flags.items():
        name = key.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool) and kinds.get(name) != "value":
            if value:
                args.append(f"--{name}")
            elif kinds.get(name) == "pair":
                args.append(f"--no-{name}")
            elif name not in kinds:
                args.append(f"--{name}")  # for its message
        else:
            args.append(f"--{name}={os.fspath(value) if _is_path(value) else value}")


def engine_of(cluster, workload, flags):
    """A prepared core. Raises Error for what `lockstep run` would refuse."""
    args = []
    cluster_text = _cluster(cluster, args)
    workload_text = _workload(workload, args)
    _flags(flags, args)
    return _core.Core(args, cluster_text, workload_text)
