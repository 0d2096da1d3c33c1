#!/usr/bin/env bash
# A share of the tests under sanitizers, another one from commit to commit: the whole suite takes longer than
# a change may (`make asan tsan`, which `make nightly` runs). Fails on what a sanitizer reports, and on
# nothing else: tests that fail do so without it too, and what does not end in time is said.
#
# usage: sanitized_share.sh SECONDS [SHARE]
set -u
cd "$(dirname "$0")/.." || exit 1
end=$(($(date +%s) + $1))
shares=(
  'asan base config workload' 'asan model steps' 'asan perf' 'asan serving network energy'
  'asan iteration' 'asan engine' 'asan report explain' 'asan sweep plan'
  'asan validation closed_loop endpoint' 'tsan sweep plan' 'tsan endpoint closed_loop' 'tsan perf workload'
)
commit=$(git rev-parse HEAD 2> /dev/null || echo 0)
share=${2:-$((16#${commit:0:6} % ${#shares[@]}))}
read -ra rooms <<< "${shares[$share]}"
preset=${rooms[0]}
rooms=("${rooms[@]:1}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export ASAN_OPTIONS=detect_leaks=0  # looking for leaks needs rights that a container may lack

left() { echo $((end - $(date +%s))); }
skip() { echo "sanitizers, share $share ($preset: ${rooms[*]}): $1"; exit 0; }

build() {
  tools/install_dependencies.sh && cmake --preset "$1" &&
    cmake --build "build/$1" -j "$(nproc)" --target "${@:2}"
}
export -f build
timeout "$(left)" bash -c 'build "$@"' _ "$preset" "${rooms[@]/%/_test}" > "$log" 2>&1
case $? in
  0) ;;
  124) skip "not built in time" ;;
  *) tail -n 20 "$log"; skip "not built" ;;
esac
for room in "${rooms[@]}"; do
  program=build/$preset/tests/${room}_test
  timeout 20 "$program" --gtest_list_tests > /dev/null 2>&1 || skip "cannot run here"
  [ "$(left)" -gt 10 ] || skip "$room was not run in time"
  (cd "build/$preset" && timeout "$(left)" "tests/${room}_test" > "$log" 2>&1)
  code=$?
  if grep -qE 'ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer' "$log"; then
    grep -E -m 1 -A 40 'ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer' "$log"
    echo "sanitizers: $preset found something in $room"
    exit 1
  fi
  [ "$code" != 124 ] || skip "$room did not end in time"
  echo "sanitizers: $preset, $room: $(grep -c '^\[       OK' "$log") tests, nothing found"
done
