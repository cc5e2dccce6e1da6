#!/usr/bin/env bash
# Installs what the tests lack, then runs all of them; a step that fails does not keep the next from running.
# Usage: tools/test.sh [--fast]      --fast: only the Release build with its tests, and the Python tests
set -euo pipefail
# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

test_packages=("${sanitizer_packages[@]}" libbenchmark-dev clang-format shellcheck xvfb postgresql libopenmpi-dev openmpi-bin)
[[ $(uname -m) != x86_64 ]] || test_packages+=(qemu-user)  # runs the programs on other processors

# The page's own tests, which are skipped where there is no WebAssembly compiler or no browser. Ubuntu's is a snap.
! grep -qsxF 'ID=debian' /etc/os-release || test_packages+=("${web_packages[@]}" chromium chromium-driver)

check_shell() { shellcheck -x tools/*.sh .ci/run; }

# Versions of clang-format disagree about details, so only the one of Debian 12 can fail the step; others warn.
check_cpp_format() {
  local command=(clang-format --dry-run)
  ! command -v clang-format-14 >/dev/null || command=(clang-format-14 --dry-run -Werror)
  find include src tests -name '*.[ch]pp' -exec "${command[@]}" {} +
}

# test_build DIR TARGET [CMAKE_OPTION...]: builds TARGET with warnings as errors and runs the unit tests.
test_build() {
  local dir=$1 target=$2
  shift 2
  configure "$dir" -DNN_BUILD_TESTS=ON -DNN_WARNINGS_AS_ERRORS=ON "$@"
  build "$dir" --target "$target"
  ctest --test-dir "$dir" --no-tests=error --output-on-failure --parallel "$jobs"
}

# A file's tests in one process, one process more than there are cores, as some tests do nothing but wait.
# Without the user's display, so that the windows open on a virtual one that the tests start.
test_python() {
  python_environment "${requirement_lists[@]}"
  env --unset=DISPLAY NN_BUILD_DIR="$root/build" .venv/bin/python -m pytest tests/python \
    --numprocesses $((jobs + 1)) --dist loadfile -rs | tee "$python_output"  # -rs: tests that were skipped, and why
}

# step NAME COMMAND...: in a subshell, so that a `die` ends the step and not the run.
passed=0 failed=0 summary=
python_output=$(mktemp)
trap 'rm -f "$python_output"' EXIT
step() {
  local name=$1 start=$SECONDS result=passed
  shift
  printf '\n== %s\n' "$name"
  if ("$@"); then passed=$((passed + 1)); else failed=$((failed + 1)) result=FAILED; fi
  summary+=$(printf '%s %5d s  %s' "$result" $((SECONDS - start)) "$name")$'\n'
}

# The same for a step that --fast leaves out.
slow_step() {
  if [[ $fast == false ]]; then step "$@"; else leave_out "$1"; fi
}
leave_out() { summary+="not run          $1"$'\n'; }

# "SKIPPED [2] tests/python/test_x.py:12: no browser", which pytest says at its end.
leave_out_skipped() {
  local count reason
  while IFS=$'\t' read -r count reason; do
    leave_out "Python tests: $count at $reason"
  done < <(sed -n 's/^SKIPPED \[\([0-9]*\)\] /\1\t/p' "$python_output")
}

fast=false
case ${1:-} in
  '') ;;
  --fast) fast=true ;;
  *) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

need_packages "${cxx_packages[@]}" "${python_packages[@]}" "${test_packages[@]}"
slow_step "shell scripts: shellcheck" check_shell
slow_step "C++ layout: clang-format" check_cpp_format
step "C++, Release: unit tests" test_build build all -DCMAKE_BUILD_TYPE=Release
# Another compiler and the sanitizers in one build. Not RelWithDebInfo, which would switch the assertions off.
slow_step "C++, clang, address and undefined-behaviour sanitizers: unit tests" test_build build-sanitize unit_tests \
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O0 -g1' -DCMAKE_CXX_COMPILER=clang++ -DNN_SANITIZE=ON
step "Programs and Python tools: pytest" test_python
leave_out_skipped
case $(uname -sm) in
  'Linux x86_64') leave_out "on 64-bit ARM: tests/README.md says when that was run" ;;
  'Linux aarch64') leave_out "on x86-64: tests/README.md says when that was run" ;;
esac
leave_out "fuzzing, killed runs, failing disks, ThreadSanitizer: tools/soak.sh all"

printf '\n%s%d passed, %d failed\n' "$summary" "$passed" "$failed"
((failed == 0))
