"""Installing a peer into the Python environment that the benchmark runs in.

PyTorch is installed without its CUDA packages. Its libraries are linked against them all the same, so one
small library takes their names: it has every function that PyTorch names, and each answers 100, "no such
device". Training on the CPU calls none of them.
"""

import collections
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
CUDA_FUNCTION = re.compile(
    r"\*UND\*\s+[0-9a-f]+\s+(?:\((\S+)\)|Base)?\s+((?:__cuda|cu[A-Zbdfps]|nccl|nvrtc|nvshmem)\w+)$",
    re.MULTILINE,
)  # a line of objdump -T: the symbol's version, its name


def requirements(peer: str) -> list[str]:
    """The packages that requirements.txt lists for a peer."""
    lines = [line.partition("#") for line in REQUIREMENTS.read_text().splitlines()]
    return [package.strip() for package, _, by in lines if package.strip() and by.strip() == peer]


def missing(peer: str) -> str | None:
    """Why a peer cannot be used, in a few words; None if it can. A new Python is asked, as it will run it."""
    command = [sys.executable, "-c", f"import numpy, {peer}"]
    found = subprocess.run(command, capture_output=True, text=True)
    return None if found.returncode == 0 else last_line(found.stderr)


def install(peer: str) -> str | None:
    """Install a peer if it is missing; returns why it still cannot be used, or None."""
    if missing(peer) is None:
        return None
    if sys.prefix == sys.base_prefix:
        return "not installed, and only a virtual environment is installed into: tools/run.sh bench makes one"
    packages = requirements(peer)
    print(f"bench: installing {' '.join(packages)}", file=sys.stderr)
    options = ["--no-deps"] if peer == "torch" else []
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*pip, *options, *packages], capture_output=True, text=True)
    if done.returncode != 0:
        return f"pip failed: {last_line(done.stderr)}"
    if peer == "torch" and missing(peer) and sys.platform == "linux":
        try:
            stand_in_for_cuda()
        except (OSError, subprocess.CalledProcessError) as error:
            return f"its CUDA libraries could not be stood in for: {error}"
    return missing(peer)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


def stand_in_for_cuda() -> None:
    """Put a library of empty functions under the name of every CUDA library that PyTorch does not find."""
    package = importlib.util.find_spec("torch")
    folder = Path(package.submodule_search_locations[0]) / "lib"
    names: set[str] = set()
    functions = collections.defaultdict(set)  # by symbol version; "" = without one
    for library in folder.glob("lib*.so"):
        names |= set(re.findall(r"(\S+) => not found", output(["ldd", library])))
        for version, function in CUDA_FUNCTION.findall(output(["objdump", "-T", library])):
            functions[version].add(function)

    stub = folder / "libcuda_stand_in.so"
    with tempfile.TemporaryDirectory() as work:
        source, versions = Path(work, "stub.c"), Path(work, "stub.map")
        every = sorted(set().union(*functions.values()))
        source.write_text("".join(f"int {name}(void) {{ return 100; }}\n" for name in every))
        versions.write_text(
            "".join(f"{v} {{ global: {'; '.join(sorted(f))}; }};\n" for v, f in functions.items() if v)
        )
        compiler = [os.environ.get("CC", "cc"), "-w", "-shared", "-fPIC", "-fno-builtin"]
        subprocess.run([*compiler, source, f"-Wl,--version-script={versions}", "-o", stub], check=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(stub.name)


def output(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
