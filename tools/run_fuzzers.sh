#!/bin/sh
# Runs every fuzzer of a build for SECONDS each, one after the other, beginning with the corpus in
# the repository. What it finds stays in BUILD/corpus; inputs that fail lie in BUILD/findings.
#
# usage: run_fuzzers.sh BUILD SECONDS [NAME...]
set -eu
build=$1
seconds=$2
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)/tests/fuzz
mkdir -p "$build/corpus" "$build/findings"
# Where nobody may trace, leaks cannot be looked for; everything else still is.
[ "${LOCKSTEP_FUZZ_LEAKS:-1}" = 1 ] || export ASAN_OPTIONS=detect_leaks=0
[ $# -gt 0 ] || set -- $(cd "$source" && ls ./*_fuzz.cpp | sed 's|./\(.*\)_fuzz.cpp|\1|')
failed=
for name in "$@"; do
  mkdir -p "$build/corpus/$name"
  dictionary=
  [ ! -f "$source/${name}_fuzz.dict" ] || dictionary=-dict=$source/${name}_fuzz.dict
  log=$build/findings/$name.log
  if ! "$build/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
      -malloc_limit_mb=512 -max_len=16384 -print_final_stats=1 $dictionary \
      -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" "$source/corpus/$name" \
      > "$log" 2>&1; then
    failed="$failed $name"
    tail -n 30 "$log"
  fi
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "$name: ${executed:-no} executions in $seconds s"
done
[ -z "$failed" ] || { echo "failed:$failed (inputs in $build/findings)"; exit 1; }
