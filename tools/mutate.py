#!/usr/bin/env python3
"""Small mistakes, put into the code one at a time: do the tests notice each?

usage: mutate.py BUILD AREA [--count N] [--seed S] [--list]

BUILD is a built Release tree (build/release). AREA is one of `scheduler`, `collectives`,
`look-ups`. For each of N mistakes (drawn with a seed, spread evenly over the area's files) the unity
group of the changed file is compiled without optimisation and linked before the unchanged libraries
into the area's test programs. A program that fails, or runs ten times as long as usual, has noticed.
Prints a line for every mistake that nobody noticed, and the totals; exit code 1 if there is one.
"""

import argparse
import random
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Files, and the programs that must notice, the quickest first.
AREAS = {
    "scheduler": (["src/serving/scheduler.cpp", "src/serving/scheduler_admission.cpp",
                   "src/serving/scheduler_completion.cpp", "src/serving/scheduler_steady.cpp",
                   "src/serving/kv_cache_manager.cpp", "src/serving/block_pool.cpp",
                   "src/serving/router.cpp"],
                  ["serving_test", "engine_test"]),
    "collectives": (["src/network/chunking.cpp", "src/network/closed_form.cpp",
                     "src/network/collective.cpp", "src/network/collective_algorithm.cpp",
                     "src/network/collective_plan.cpp", "src/network/rank_schedule.cpp",
                     "src/network/topology.cpp", "src/engine/device_collective.cpp"],
                    ["network_test", "engine_test"]),
    "look-ups": (["src/perf/all_reduce_curve.cpp", "src/perf/attention_table.cpp",
                  "src/perf/bundle_curves.cpp", "src/perf/curve_table.cpp",
                  "src/perf/measured_times.cpp", "src/perf/moe_table.cpp",
                  "src/perf/decode_blocks.cpp", "src/perf/roofline.cpp"],
                 ["perf_test", "iteration_test", "engine_test"]),
}

# What is written, and what a slip of the pen makes of it. clang-format puts spaces around binary
# operators, so that brackets of templates are left alone.
SLIPS = [
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" == ", " != "), (r" != ", " == "), (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " / "), (r" / ", " * "),
    (r" \+= ", " -= "), (r" -= ", " += "), (r"\+\+(?=\w)", "--"), (r"--(?=\w)", "++"),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"std::min\(", "std::max("), (r"std::max\(", "std::min("),
    (r"\bif \((?=!?\w)", "if (!("), (r"(?<![\w.'])1(?![\w.'])", "2"), (r"(?<![\w.'])0(?![\w.'])", "1"),
    (r"\breturn;", ";"), (r"\bcontinue;", "break;"), (r"\bbreak;", "continue;"),
]


def code_of(line):
    """The line with comments and texts blanked."""
    line = re.sub(r'"(\\.|[^"\\])*"', lambda m: "\0" * len(m.group()), line)
    return re.sub(r"//.*", lambda m: "\0" * len(m.group()), line)


def slips_in(file):
    found = []
    in_function = False
    for number, line in enumerate((ROOT / file).read_text().split("\n")):
        code = code_of(line)
        in_function = in_function or code.endswith("{")
        if not in_function or re.match(r"\s*(#|namespace|template|class|struct|using)", code):
            continue
        if re.search(r"throw UserError|ensure\(|static_assert|\bWhere\{", code):
            continue  # what is said of an error; what can never be
        for pattern, after in SLIPS:
            for match in re.finditer(pattern, code):
                text = changed(line, match, after)
                if text is not None:
                    found.append((file, number, text))
    return found


def changed(line, match, after):
    if not after.endswith("(!("):
        return line[:match.start()] + after + line[match.end():]
    depth = 1
    for place in range(match.end(), len(line)):
        depth += {"(": 1, ")": -1}.get(line[place], 0)
        if depth == 0:
            return line[:match.start()] + after + line[match.end():place] + ")" + line[place:]
    return None


def chosen(files, count, seed):
    """Evenly from the files, more than `count`, since some do not compile."""
    draw = random.Random(seed)
    pools = [slips_in(file) for file in files]
    for pool in pools:
        draw.shuffle(pool)
    order = []
    while any(pools):
        order += [pool.pop() for pool in pools if pool]
    return order


class Build:
    def __init__(self, folder, scratch):
        self.folder = folder
        self.scratch = scratch
        self.limits = {}

    def commands(self, target):
        done = subprocess.run(["ninja", "-t", "commands", target], cwd=self.folder,
                              capture_output=True, text=True, check=True)
        return done.stdout.strip().split("\n")

    def group(self, file):
        """The unity group that holds a file, and the command that compiles it."""
        room = file.split("/")[1]
        whole = str(ROOT / file)
        for unity in sorted(self.folder.glob(f"CMakeFiles/lockstep_{room}.dir/Unity/*.cxx")):
            if whole in unity.read_text():
                target = str(unity.relative_to(self.folder)) + ".o"
                return unity, self.commands(target)[-1]
        sys.exit(f"mutate: {file} is in no unity group of {self.folder}")

    def compile(self, file, number, text):
        lines = (ROOT / file).read_text().split("\n")
        lines[number] = text
        copy = self.scratch / Path(file).name
        copy.write_text("\n".join(lines))
        unity, command = self.group(file)
        source = self.scratch / "group.cxx"
        source.write_text(unity.read_text().replace(str(ROOT / file), str(copy)))
        words = [w for w in shlex.split(command) if not w.endswith("ccache")]
        words[words.index("-o") + 1] = str(self.scratch / "group.o")
        words[words.index("-c") + 1] = str(source)
        words = [w for w in words if w not in ("-O3", "-O2", "-Werror")]
        words = [w for w in words if not w.startswith("-D_FORTIFY_SOURCE")]
        words += ["-O0", "-w", f"-I{(ROOT / file).parent}"]
        return subprocess.run(words, cwd=self.folder, capture_output=True, check=False,
                              timeout=3600).returncode == 0

    def link(self, program, room):
        """False: the program has nothing of this room in it."""
        line = self.commands(f"tests/{program}")[-1]
        if f"liblockstep_{room}.a" not in line:
            return False
        line = re.sub(r"^: && | && :$", "", line)
        words = shlex.split(line)
        words[words.index("-o") + 1] = str(self.scratch / program)
        first = next(i for i, w in enumerate(words) if w.endswith(".o"))
        words.insert(first, str(self.scratch / "group.o"))
        words.append("-Wl,-z,muldefs")
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"mutate: cannot link {program}: {done.stderr[-2000:]}")
        return True

    def notices(self, program, where):
        """Whether a program fails; where it is slow by itself its limit is measured first."""
        if program not in self.limits:
            self.limits[program] = self.run(where / program, 3600)[1] * 10 + 10
        return not self.run(self.scratch / program, self.limits[program])[0]

    def run(self, path, limit):
        import time
        begin = time.monotonic()
        try:
            done = subprocess.run([path, "--gtest_brief=1", "--gtest_fail_fast"],
                                  cwd=self.folder / "tests", capture_output=True, check=False,
                                  timeout=limit)
            return done.returncode == 0, time.monotonic() - begin
        except subprocess.TimeoutExpired:
            return False, limit


def judge(build, programs, slip):
    """'killed by PROGRAM', 'survived', or None where it does not compile."""
    file, number, text = slip
    if not build.compile(file, number, text):
        return None
    for program in programs:
        linked = build.link(program, file.split("/")[1])
        if linked and build.notices(program, build.folder / "tests"):
            return f"killed by {program}"
    return "survived"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("area", choices=sorted(AREAS))
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="only show what would be tried")
    args = parser.parse_args()
    files, programs = AREAS[args.area]
    order = chosen(files, args.count, args.seed)
    if args.list:
        for file, number, text in order[:args.count]:
            print(f"{file}:{number + 1}: {text.strip()}")
        return 0
    killed, survivors = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        build = Build(args.build.resolve(), Path(scratch))
        for slip in order:
            if killed + len(survivors) == args.count:
                break
            verdict = judge(build, programs, slip)
            if verdict == "survived":
                survivors.append(slip)
                print(f"survived: {slip[0]}:{slip[1] + 1}: {slip[2].strip()}", flush=True)
            elif verdict is not None:
                killed += 1
    print(f"{args.area}: {killed} of {killed + len(survivors)} mistakes were noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
