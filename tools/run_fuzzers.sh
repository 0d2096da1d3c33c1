#!/usr/bin/env bash
# Runs every fuzzer of a build for SECONDS of CPU time each, one after the other, beginning with the corpus in
# the repository. What it finds stays in BUILD/corpus; inputs that fail lie in BUILD/findings. Each
# run is a line of tests/fuzz/ledger.csv (LOCKSTEP_FUZZ_LEDGER names another file, empty: none).
# LOCKSTEP_FUZZ_TIMEOUT: seconds that one input may take (10); more on a busy machine.
#
# usage: run_fuzzers.sh BUILD SECONDS [NAME...]
#        run_fuzzers.sh --totals
set -eu
if [ "$1" = --totals ]; then
  awk -F, 'NR > 1 { s[$3] += $4; n[$3] += $5; f[$3] += $6 }
    END { for (t in s) printf "%-16s %7.1f min %12d executions %3d findings\n", t, s[t] / 60, n[t], f[t] }' \
    "${LOCKSTEP_FUZZ_LEDGER-$(dirname "$0")/../tests/fuzz/ledger.csv}" | sort
  exit 0
fi
build=$1
seconds=$2
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)/tests/fuzz
mkdir -p "$build/corpus" "$build/findings"
# Where nobody may trace, leaks cannot be looked for; everything else still is.
[ "${LOCKSTEP_FUZZ_LEAKS:-1}" = 1 ] || export ASAN_OPTIONS=detect_leaks=0
[ $# -gt 0 ] || set -- $(cd "$source" && ls ./*_fuzz.cpp | sed 's|./\(.*\)_fuzz.cpp|\1|')
ledger=${LOCKSTEP_FUZZ_LEDGER-$source/ledger.csv}
commit=$(git -C "$source" rev-parse --short=9 HEAD 2> /dev/null || echo unknown)
failed=

# The command's CPU seconds, a whole number, into findings/NAME.cpu.
time_of() {
  python3 - "$build/findings/$name.cpu" "$@" << 'EOF'
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write(str(round(spent.ru_utime + spent.ru_stime)))
sys.exit(code != 0)
EOF
}

for name in "$@"; do
  mkdir -p "$build/corpus/$name"
  dictionary=
  [ ! -f "$source/${name}_fuzz.dict" ] || dictionary=-dict=$source/${name}_fuzz.dict
  log=$build/findings/$name.log
  found=0
  used=0
  executed=0
  # The fuzzer's own limit is wall-clock time, of which a busy machine gives it a part.
  while [ "$found" = 0 ] && [ $((seconds - used)) -gt "$((seconds / 50))" ]; do
    if ! time_of "$build/fuzz/${name}_fuzz" -max_total_time=$((seconds - used)) \
        -timeout="${LOCKSTEP_FUZZ_TIMEOUT:-10}" -rss_limit_mb=1024 -malloc_limit_mb=512 -max_len=16384 \
        -print_final_stats=1 $dictionary -artifact_prefix="$build/findings/$name-" \
        "$build/corpus/$name" "$source/corpus/$name" > "$log" 2>&1; then
      failed="$failed $name"
      found=1
      tail -n 30 "$log"
    fi
    used=$((used + $(cat "$build/findings/$name.cpu")))
    more=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    executed=$((executed + ${more:-0}))
  done
  [ -z "$ledger" ] || echo "$(date -u +%F),$commit,$name,$used,$executed,$found" >> "$ledger"
  echo "$name: $executed executions in $used s"
done
[ -z "$failed" ] || { echo "failed:$failed (inputs in $build/findings)"; exit 1; }
