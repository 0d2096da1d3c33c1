#!/bin/sh
# coverage.sh BUILD: lines and branches of src/ that the tests of a coverage build have run, by file,
# the least covered first; all lines in BUILD/coverage.html.
set -eu
cd "$(dirname "$0")/.."
command -v gcovr >/dev/null || { echo "coverage.sh: needs the Debian package gcovr" >&2; exit 1; }
gcovr --root . --filter src/ --exclude-throw-branches --exclude-unreachable-branches \
  --object-directory "$1" --html-details "$1/coverage.html" --txt - --sort-percentage "$1"
