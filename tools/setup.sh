# shellcheck shell=bash
# What run.sh and test.sh share: packages, the CMake builds and the Python environment. Sourced, not run.
# Everything is said on stderr, so that stdout is the program's alone, and nothing is said when there is nothing to do.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
jobs=$(getconf _NPROCESSORS_ONLN)

# Names that hold on Debian 12 and on Ubuntu 22.04 and 24.04.
# zlib1g-dev beside libdeflate-dev: it unpacks the header of a .gz alone, before memory is taken for the rest.
cxx_packages=(g++ cmake make pkg-config libopenblas-dev libdeflate-dev zlib1g-dev libcli11-dev nlohmann-json3-dev libhwy-dev libpng-dev libjpeg-dev
  libxxhash-dev)
python_packages=(python3 python3-venv python3-tk)
# shellcheck disable=SC2034  # test.sh, soak.sh and lock_requirements.sh use it
requirement_lists=(requirements.txt tools/requirements-{export,handwriting,sweep}.txt tests/python/requirements.txt)
# shellcheck disable=SC2034  # run.sh and test.sh use it
# For the page, whose recognizer is WebAssembly. Debian 12 and later, Ubuntu 24.04 and later.
web_packages=(cmake make clang-19 lld-19 wasi-libc libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 libclang-rt-19-dev-wasm32
  nlohmann-json3-dev libhwy-dev)
# shellcheck disable=SC2034  # test.sh and soak.sh use it
# clang with its sanitizers and libFuzzer: a part of clang on Ubuntu 22.04, later a package of their own.
sanitizer_packages=(catch2 clang)
grep -qsxF 'VERSION_ID="22.04"' /etc/os-release || sanitizer_packages+=(libclang-rt-dev)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Installs those of the named packages that are missing. A system without dpkg may have the same tools under other
# names: it goes on, and whatever fails without them names the packages.
need_packages() {
  command -v dpkg-query >/dev/null || return 0
  local installed missing=() package sudo=()
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || true
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "needs these packages, and root or sudo to install them: ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing ${missing[*]}"
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update || say "the package lists could not be brought up to date: going on with those there are"
  "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null || die "could not install ${missing[*]}"
}

# Whether the build folder $1 is complete and this checkout's: it holds absolute paths, which a moved checkout breaks.
configured() {
  [[ -f $1/Makefile || -f $1/build.ninja ]] && grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$1/CMakeCache.txt"
}

# configure DIR [OPTION...]: runs CMake, from scratch where an earlier run did not end well.
configure() {
  configured "$1" || rm -rf "$1/CMakeCache.txt" "$1/CMakeFiles"
  cmake -S "$root" -B "$@" >&2 || die "could not configure $1; needed are (Debian's names) ${cxx_packages[*]}"
}

# build DIR [OPTION...]: compiles what has changed; of what is up to date nothing is said.
build() {
  cmake --build "$@" --parallel "$jobs" | sed '/Built target/d' >&2 || die "could not build $1"
}

# python_environment FILE...: a .venv with the requirements in each FILE, which lists all packages with their hashes. A
# copy of what was installed, and for which Python, stays in it, so that pip runs only when one of them has changed.
python_environment() {
  local python=/usr/bin/python3 venv=$root/.venv file wanted stamp
  # On Debian only its own Python sees python3-tk.
  command -v dpkg-query >/dev/null || python=$(command -v python3) || die "needs python3 with venv and tkinter"
  for file in "$@"; do
    wanted=$(readlink -f "$python" && cat "$root/$file")
    stamp=$venv/${file//\//-}
    [[ -x $venv/bin/python && $wanted == "$(cat "$stamp" 2>/dev/null)" ]] && continue
    say "installing $file in .venv"
    "$python" -m venv "$venv" || die "could not make .venv; needed are (Debian's names) ${python_packages[*]}"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$root/$file" >&2 ||
      die "could not install $file"
    printf '%s\n' "$wanted" >"$stamp"
  done
}
