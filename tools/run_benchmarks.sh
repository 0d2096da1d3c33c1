#!/bin/sh
# All benchmarks of a build folder, one after the other: the programs of bench/, then the report page
# where node, its packages (`npm ci` in web/) and Chromium are there. usage: run_benchmarks.sh BUILD
set -eu
build=${1:-build/release}
here=$(dirname "$0")/..

for program in "$build"/bench/*_benchmark; do
  echo "== $(basename "$program")"
  "$program" --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
done

if [ -d "$here/web/node_modules/playwright-core" ] && command -v chromium >/dev/null; then
  echo "== report page"
  python3 "$here/bench/report_benchmark.py" "$build/lockstep"
else
  echo "report page: not measured, it needs Chromium and \`npm ci\` in web/"
fi
