#!/usr/bin/env bash
# Writes each list of Python requirements, NAME.txt, from NAME.in: exact versions, with hashes, of all that is needed.
# Usage: tools/lock_requirements.sh [--upgrade]      without --upgrade, versions stay as far as NAME.in allows it
set -euo pipefail
# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

case ${1:-} in
  '' | --upgrade) ;;
  *) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

need_packages "${python_packages[@]}"
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check uv

# For every Python from Ubuntu 22.04's on, and every processor. A list agrees with those before it: one environment
# takes all of them.
constraints=()
for list in "${requirement_lists[@]}"; do
  say "$list"
  "$venv/bin/uv" pip compile "${list%.txt}.in" "${constraints[@]}" "$@" --output-file "$list" --quiet --universal \
    --python-version 3.10 --generate-hashes --no-annotate --custom-compile-command tools/lock_requirements.sh
  constraints+=(--constraints "$list")
done
