#!/bin/sh
# Installs the Debian packages of tools/dependencies.txt that are missing. Needs root only then.
set -eu
here=$(dirname "$0")
missing=""
for package in $(sed -e 's/#.*//' "$here/dependencies.txt" | awk 'NF {print $1}'); do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "Installing:$missing"
if [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
elif command -v sudo >/dev/null 2>&1; then
  sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing
else
  echo "These packages are missing and need root to install: apt-get install$missing" >&2
  exit 1
fi
