"""lockstep-profile: measures a bundle on this machine's GPU."""

import argparse
import datetime
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .files import BundleError, variant_name
from .grids import Factors, Limits
from .models import Model, ModelError
from .sweep import GROUPS, Sweep, meta_document, write_meta


def parse(args):
    parser = argparse.ArgumentParser(prog="lockstep-profile", description=__doc__)
    parser.add_argument("model", help="config.json of the model")
    parser.add_argument("--name", help="<owner>/<model> (default: folder and file of the config)")
    parser.add_argument("--hardware", required=True, help="name of the GPU in cluster files")
    parser.add_argument("--tp", default="1", help="degrees, with 1 among them (default: 1)")
    parser.add_argument("--backend", choices=("vllm", "torch"),
                        help="default: vllm where it is installed")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--kv-cache-dtype", default="auto")
    parser.add_argument("--variant", help="folder of the bundle (default: from the types)")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only this; may repeat")
    parser.add_argument("--max-num-batched-tokens", type=int, default=2048)
    parser.add_argument("--max-num-seqs", type=int, default=256)
    parser.add_argument("--attention-max-kv", type=int, default=16384)
    parser.add_argument("--attention-chunk-factor", type=float, default=2.0)
    parser.add_argument("--attention-kv-factor", type=float, default=2.0)
    parser.add_argument("--measurement-iterations", type=int, default=3)
    parser.add_argument("--skip-skew", action="store_true", help="no mixtures of contexts")
    parser.add_argument("--force", action="store_true", help="measure anew what is there")
    parser.add_argument("--out-root", default="profiler/perf", help="(default: profiler/perf)")
    return parser.parse_args(args)


def backend_maker(flags, limits):
    """Makes the backend of a degree; the one before it is gone by then."""
    kind = flags.backend or ("vllm" if importlib.util.find_spec("vllm") else "torch")
    if kind == "torch":
        from .torch_timer import TorchTimer
        return lambda model, degree: TorchTimer(
            model, limits=limits, iterations=flags.measurement_iterations, dtype=flags.dtype)
    from .vllm_timer import VllmTimer
    folder = Path(flags.model).resolve().parent
    return lambda model, degree: VllmTimer(
        model, folder, limits=limits, iterations=flags.measurement_iterations, dtype=flags.dtype,
        kv_cache_dtype=flags.kv_cache_dtype)


def find_program():
    """The lockstep program, which fits the skew coefficients; None: not found."""
    return os.environ.get("LOCKSTEP_BIN") or shutil.which("lockstep")


def fitted_skew(folder, say):
    """Has skew_fit.csv made; returns the block for meta.yaml, empty when there is none."""
    program = find_program()
    if program is None:
        say(f"skew is not fitted: lockstep is not in PATH; run lockstep perf fit-skew {folder} "
            "and put its block into meta.yaml")
        return ""
    done = subprocess.run([program, "perf", "fit-skew", str(folder)], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        say(f"skew is not fitted: {done.stderr.strip()}")
        return ""
    return done.stdout.partition("# for the bundle's meta.yaml:\n")[2]


def profile(flags, backend_of, when, say):
    """Measures all that `flags` ask for and writes the bundle; returns its folder."""
    model = Model.read(flags.model, flags.name or "/".join(Path(flags.model).parts[-2:])
                       .removesuffix(".json"))
    try:
        degrees = [int(word) for word in flags.tp.split(",")]
    except ValueError:
        raise ModelError(f"--tp {flags.tp!r} is no list of numbers\n  fix: --tp 1,2,4") from None
    variant = flags.variant or variant_name(flags.dtype, flags.kv_cache_dtype)
    folder = Path(flags.out_root) / flags.hardware / model.name / variant
    factors = Factors(flags.attention_chunk_factor, flags.attention_kv_factor)
    sweep = Sweep(folder, model, backend_of, factors=factors, force=flags.force, say=say)
    skew = not flags.skip_skew
    sweep.run(degrees, tuple(flags.group or GROUPS), skew)
    document = meta_document(sweep, hardware=flags.hardware, variant=variant, degrees=degrees,
                             when=when, iterations=flags.measurement_iterations, skew=skew)
    write_meta(folder, document, fitted_skew(folder, say) if skew else "")
    return folder


def main(args=None):
    flags = parse(args)

    def say(text):
        print(text, file=sys.stderr, flush=True)
    limits = Limits(flags.max_num_batched_tokens, flags.max_num_seqs,
                    attention_kv=flags.attention_max_kv)
    when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    try:
        folder = profile(flags, backend_maker(flags, limits), when, say)
    except (BundleError, ModelError, RuntimeError, ValueError, OSError) as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        return 130
    say(f"wrote {folder}; look at it with: lockstep perf check {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
