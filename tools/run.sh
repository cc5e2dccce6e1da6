#!/usr/bin/env bash
# Runs a program or a Python tool of this checkout, first installing and building what it lacks. --help says more.
set -euo pipefail
# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# A program is a file in src/, a tool a file in tools/ that can be run.
programs() { find "$root/src" -maxdepth 1 -name '*.cpp' | sed 's|.*/||; s|\.cpp$||' | sort; }
tools() { grep -ls __main__ "$root"/tools/*.py | sed 's|.*/||; s|\.py$||' | sort; }

# What a file says of itself: the text after its own name in the first line, or a docstring's first line.
about_program() { sed -n "1s|^// *\($1: *\)\{0,1\}||p" "$root/src/$1.cpp"; }
about_tool() { sed -n '/"""/{s/"""//g;p;q;}' "$root/tools/$1.py"; }

usage() {
  local name
  cat <<END
Usage: tools/run.sh NAME [ARGS...]

Runs NAME with ARGS, after installing the packages that are missing (Debian, Ubuntu) and building what has changed.
Files named in ARGS and files that are written, such as a model and logs/, are relative to the current folder.

Programs:
END
  for name in $(programs); do printf '  %-22s %s\n' "$name" "$(about_program "$name")"; done
  echo "Python tools:"
  for name in $(tools); do printf '  %-22s %s\n' "$name" "$(about_tool "$name")"; done
}

# A new build/ is without the tests, which would need more packages; one that has them keeps them.
build_target() {
  need_packages "${cxx_packages[@]}"
  configured "$root/build" || configure "$root/build" -DCMAKE_BUILD_TYPE=Release -DNN_BUILD_TESTS=OFF
  build "$root/build" --target "$1"
}

run_program() {
  local name=$1
  shift
  build_target "$name"
  exec "$root/build/$name" "$@"
}

run_tool() {
  local name=$1
  shift
  need_packages "${python_packages[@]}"
  [[ $name != web ]] || need_packages "${web_packages[@]}"
  # Those that recognise do it as the programs do: by the library, through ctypes.
  ! grep -q '^ *from recognizer\.' "$root/tools/$name.py" || build_target nn_recognizer
  [[ $name != export_c ]] || need_packages gcc libc6-dev  # for its --check
  local requirements=(requirements.txt)
  [[ $name != export_onnx ]] || requirements+=(tools/requirements-export.txt)
  [[ $name != handwriting_benchmark ]] || requirements+=(tools/requirements-handwriting.txt)
  [[ $name != sweep ]] || requirements+=(tools/requirements-sweep.txt)
  python_environment "${requirements[@]}"
  exec "$root/.venv/bin/python" "$root/tools/$name.py" "$@"
}

name=${1:---help}
if [[ $name == --help || $name == -h ]]; then
  usage
elif programs | grep -qxF -- "$name"; then
  run_program "$@"
elif tools | grep -qxF -- "$name"; then
  run_tool "$@"
else
  say "error: no program or tool is called '$name' (tools/run.sh --help lists them)"
  exit 2
fi
