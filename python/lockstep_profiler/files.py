"""A bundle's files: tables that can be resumed, and meta.yaml.

    <root>/<hardware>/<model>/<variant>/meta.yaml
                                        tp<N>/dense.csv per_sequence.csv attention.csv moe.csv
                                              skew.csv

Times are microseconds. The tables end their lines with CR LF, skew.csv with LF.
"""

import csv
import os
import re
import tempfile
from pathlib import Path

HEADERS = {
    "dense": ("layer", "tokens", "time_us"),
    "per_sequence": ("layer", "sequences", "time_us"),
    "attention": ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us"),
    "moe": ("tokens", "activated_experts", "time_us"),
}
SKEW_HEADER = ("regime", "n", "nb", "ratio", "skew", "pc", "kp", "kvs", "kv_big", "kv_mean",
               "t_mean_us", "t_max_us", "t_skew_us", "alpha")
SHORT_TYPES = {"bfloat16": "bf16", "bf16": "bf16", "float16": "fp16", "half": "fp16",
               "fp16": "fp16", "float32": "fp32", "float": "fp32", "fp32": "fp32", "fp8": "fp8",
               "fp8_e4m3": "fp8", "fp8_e5m2": "fp8e5m2"}


class BundleError(Exception):
    """A file that is not what it should be: what, where, how to mend it."""


def variant_name(weights, kv_cache="auto"):
    """Folder of a bundle by number types: bf16, bf16-kvfp8."""
    name = SHORT_TYPES.get(weights, weights)
    return name if kv_cache == "auto" else f"{name}-kv{SHORT_TYPES.get(kv_cache, kv_cache)}"


def replace_file(path, text):
    """The whole file or nothing of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _key_of(kind, words):
    """Layers are names, all else are numbers."""
    named = kind in ("dense", "per_sequence")
    return tuple(word if named and i == 0 else int(word) for i, word in enumerate(words))


class Table:
    """One of the four tables: times by key. Several times of one key are averaged."""

    def __init__(self, kind):
        self.kind = kind
        self._times = {}

    @classmethod
    def read(cls, kind, path):
        """The file's rows; none when there is no file."""
        table = cls(kind)
        path = Path(path)
        if not path.exists():
            return table
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or tuple(rows[0]) != HEADERS[kind]:
            raise BundleError(f"{path}:1: the header is not {','.join(HEADERS[kind])}\n"
                              "  fix: move the file away, or measure anew with --force")
        for number, row in enumerate(rows[1:], 2):
            try:
                table.add(_key_of(kind, row[:-1]), float(row[-1]))
                if len(row) != len(HEADERS[kind]):
                    raise ValueError
            except (ValueError, IndexError):
                raise BundleError(f"{path}:{number}: not a row of {kind}\n"
                                  "  fix: delete the row; it is then measured again") from None
        return table

    def __len__(self):
        return len(self._times)

    def __contains__(self, key):
        return tuple(key) in self._times

    def keys(self):
        return sorted(self._times)

    def add(self, key, time_us):
        total, count = self._times.get(tuple(key), (0.0, 0))
        self._times[tuple(key)] = (total + time_us, count + 1)

    def drop(self, keys):
        for key in keys:
            self._times.pop(tuple(key), None)

    def time(self, key):
        total, count = self._times[tuple(key)]
        return total / count

    def text(self):
        lines = [",".join(HEADERS[self.kind])]
        lines += [",".join((*map(str, key), f"{self.time(key):.6g}")) for key in self.keys()]
        return "".join(line + "\r\n" for line in lines)

    def write(self, path):
        """Nothing where nothing was measured."""
        if self._times:
            replace_file(path, self.text())


def _decimal(value, digits):
    return repr(round(float(value), digits))


class SkewTable:
    """skew.csv: rows in the order of their measurement."""

    def __init__(self):
        self.rows = {}

    @classmethod
    def read(cls, path):
        table = cls()
        path = Path(path)
        if not path.exists():
            return table
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or tuple(rows[0]) != SKEW_HEADER:
            raise BundleError(f"{path}:1: the header is not {','.join(SKEW_HEADER)}\n"
                              "  fix: move the file away, or measure anew with --force")
        for number, row in enumerate(rows[1:], 2):
            try:
                _, n, long, _, skew, chunk, history, short = row[:8]
                if len(row) != len(SKEW_HEADER):
                    raise ValueError
                key = (int(n), int(long), round(float(skew), 3), int(chunk), int(history),
                       int(short))
            except ValueError:
                raise BundleError(f"{path}:{number}: not a row of skew.csv\n"
                                  "  fix: delete the row; it is then measured again") from None
            table.rows.setdefault(key, row)
        return table

    def __len__(self):
        return len(self.rows)

    def __contains__(self, key):
        return key in self.rows

    def add(self, case, t_mean, t_max, t_skew):
        """`alpha` from the times before they are rounded; empty where the mean is not below."""
        alpha = _decimal((t_skew - t_mean) / (t_max - t_mean), 4) if t_max > t_mean else ""
        self.rows[case.key] = [
            "mixed" if case.chunk else "pure", str(case.decodes), str(case.long_decodes),
            _decimal(case.long_decodes / case.decodes, 4), repr(float(case.skew)), str(case.chunk),
            str(case.prefill_kv), str(case.short_kv), str(case.long_kv), str(case.mean_kv),
            _decimal(t_mean, 3), _decimal(t_max, 3), _decimal(t_skew, 3), alpha]

    def text(self):
        return "".join(",".join(row) + "\n" for row in (SKEW_HEADER, *self.rows.values()))

    def write(self, path):
        if self.rows:
            replace_file(path, self.text())


def grid_text(values):
    """`0, 16-2048 x2` for a geometric sequence, else the list."""
    tail = list(values[1:] if values and values[0] == 0 else values)
    if len(tail) < 2 or min(tail) <= 0 or tail[1] <= tail[0]:
        return list(values)
    ratio = tail[1] / tail[0]
    steps = [b / a for a, b in zip(tail, tail[1:])]
    if any(abs(step / ratio - 1) > 0.02 for step in steps[:-1]) or steps[-1] > 1.02 * ratio:
        return list(values)
    whole = abs(ratio - round(ratio)) < 1e-3
    shown = str(round(ratio)) if whole else f"{ratio:.3g}"
    return f"{'0, ' if len(tail) < len(values) else ''}{tail[0]}-{tail[-1]} x{shown}"


_PLAIN = re.compile(r"[A-Za-z_/][\w./+ ,<>=%-]*|0, [\w. -]*|\d+-[\w. -]*")
_SPECIAL = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def _scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    plain = (_PLAIN.fullmatch(text) and text.lower() not in _SPECIAL and text == text.strip()
             and not re.fullmatch(r"\d{4}-\d.*", text))
    return text if plain else "'" + text.replace("'", "''") + "'"


def yaml_text(document, indent=0):
    """Nested dicts as YAML; lists of scalars in one line. In the order that they have."""
    lines = []
    for key, value in document.items():
        start = f"{' ' * indent}{_scalar(key)}:"
        if isinstance(value, dict) and value:
            lines.append(f"{start}\n{yaml_text(value, indent + 2)}")
        elif isinstance(value, dict):
            lines.append(f"{start} {{}}\n")
        elif isinstance(value, (list, tuple)):
            items = (f"'{_scalar(v)}'" if isinstance(v, str) and "," in v else _scalar(v)
                     for v in value)
            lines.append(f"{start} [{', '.join(items)}]\n")
        else:
            lines.append(f"{start} {_scalar(value)}\n")
    return "".join(lines)
