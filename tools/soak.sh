#!/usr/bin/env bash
# Long campaigns against the programs, beyond what tools/test.sh has time for. Status 1 and a line if one finds something.
#
# Usage: tools/soak.sh fuzz [SECONDS]     each target of tests/fuzz for so many seconds, 600 by default
#        tools/soak.sh kill [TIMES]       kills training, most of it during saves, and resumes it, 200 times by default
#        tools/soak.sh faults [TIMES]     full disks, failing writes and power cuts at so many places, 200 by default
#        tools/soak.sh threads            kernels and training with 1, 2 and 4 threads under ThreadSanitizer
#        tools/soak.sh mutants [FAULTS]   puts so many faults into the code, 60 by default: do the tests notice?
#        tools/soak.sh coverage           which lines and branches do the unit tests and the programs' tests reach?
#        tools/soak.sh all [SECONDS]      the first four in about so many seconds, 1800 by default
set -euo pipefail
# shellcheck source=tools/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

usage() { sed -n '4,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

sanitizer_build=(-DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1" -DCMAKE_CXX_COMPILER=clang++ -DNN_BUILD_TESTS=ON)

# What libFuzzer makes up stays in build-fuzz/corpus for the next campaign; what it finds is in build-fuzz/found-*.
fuzz() {
  local seconds=$1 name names=() seeds
  configure build-fuzz "${sanitizer_build[@]}" -DNN_FUZZ=ON
  for name in tests/fuzz/*.cpp; do
    name=$(basename "$name" .cpp)
    [[ $name == replay ]] || names+=("$name")
  done
  build build-fuzz --target "${names[@]/#/fuzz_}"
  for name in "${names[@]}"; do
    say "fuzz $name for $seconds seconds"
    mkdir -p "build-fuzz/corpus/$name"
    seeds=(tests/golden)
    [[ ! -d tests/fuzz/corpus/$name ]] || seeds+=("tests/fuzz/corpus/$name")
    "build-fuzz/tests/fuzz_$name" -max_total_time="$seconds" -max_len=8192 -timeout=60 -rss_limit_mb=2048 \
      -print_final_stats=1 -verbosity=0 -artifact_prefix="build-fuzz/found-$name-" "build-fuzz/corpus/$name" \
      "${seeds[@]}" || die "fuzzing $name found something: build-fuzz/found-$name-*"
  done
}

# Builds the programs, and the Python that kills them.
prepare_programs() {
  configured build || configure build -DCMAKE_BUILD_TYPE=Release -DNN_BUILD_TESTS=OFF
  build build --target mnist_mlp
  python_environment requirements.txt
}

kill_and_resume() {
  prepare_programs
  .venv/bin/python tests/soak/kill_and_resume.py "$@" || die "killing training found something"
}

faults() {
  prepare_programs
  .venv/bin/python tests/soak/faults.py "$@" || die "failing writes found something"
}

# Nothing is suppressed: OpenBLAS, which is not compiled with the sanitizer, gives no reports.
threads() {
  local count program
  configure build-tsan "${sanitizer_build[@]}" -DNN_SANITIZE_THREADS=ON
  build build-tsan --target unit_tests mnist_mlp mnist_cnn mnist_attention_pool
  export TSAN_OPTIONS=halt_on_error=1
  build-tsan/tests/unit_tests --filenames-as-tags \
    '[#parallel_test],[#matmul_test],[#layers_test],[#fusions_test],[#network_test],[#optimizer_test]' ||
    die "ThreadSanitizer found something in the unit tests"
  for count in 1 2 4; do
    for program in mnist_mlp mnist_cnn mnist_attention_pool; do
      say "$program with $count threads"
      "build-tsan/$program" --threads "$count" --epochs 1 --train-limit 3000 --augment shift=1 --quiet \
        --output "build-tsan/$program-$count.bin" --log "" || die "ThreadSanitizer found something in $program"
      cmp "build-tsan/$program-1.bin" "build-tsan/$program-$count.bin" || die "another model with $count threads"
    done
  done
}

mutants() {
  python_environment "${requirement_lists[@]}"
  .venv/bin/python tests/mutation/mutants.py --faults "$1" || die "faults got away from the tests"
}

# Kernels for other instruction sets than this processor's best are reached by the tests that ask for them.
coverage() {
  local object objects=()
  need_packages llvm libopenmpi-dev openmpi-bin
  configure build-coverage -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++ -DNN_BUILD_TESTS=ON \
    "-DCMAKE_CXX_FLAGS=-O1 -fprofile-instr-generate -fcoverage-mapping"
  build build-coverage --target all
  python_environment "${requirement_lists[@]}"
  rm -rf build-coverage/profiles
  export LLVM_PROFILE_FILE=$root/build-coverage/profiles/%4m.profraw
  ctest --test-dir build-coverage --output-on-failure --parallel "$jobs"
  NN_BUILD_DIR="$root/build-coverage" .venv/bin/python -m pytest tests/python --numprocesses "$jobs" --dist loadfile -q \
    --ignore tests/python/test_other_projects.py --ignore tests/python/test_hardened.py || say "pytest: see above"
  llvm-profdata merge -o build-coverage/tests.profdata build-coverage/profiles/*.profraw
  for object in build-coverage/mnist_* build-coverage/mlp_simple build-coverage/libnn_*.so; do objects+=(-object "$object"); done
  llvm-cov export -format=lcov -instr-profile build-coverage/tests.profdata build-coverage/tests/unit_tests \
    "${objects[@]}" >build-coverage/tests.lcov
  .venv/bin/python tests/coverage.py build-coverage/tests.lcov
}

need_packages "${cxx_packages[@]}" "${python_packages[@]}" "${sanitizer_packages[@]}"
case ${1:-} in
  fuzz) fuzz "${2:-600}" ;;
  kill) kill_and_resume --times "${2:-200}" ;;
  faults) faults --times "${2:-200}" ;;
  threads) threads ;;
  mutants) mutants "${2:-60}" ;;
  coverage) coverage ;;
  all)
    seconds=${2:-1800}
    threads
    fuzz $((seconds / 2 / 8))
    kill_and_resume --seconds $((seconds / 4))
    faults --seconds $((seconds / 4)) ;;
  --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
