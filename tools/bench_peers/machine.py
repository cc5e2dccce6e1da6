"""What the benchmark needs to know of the machine: its name, which cores to use, how fast it multiplies."""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def describe() -> dict[str, str | int]:
    """Processor, cores, memory, system, compiler and date."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu_name(), "cores": os.cpu_count() or 1, "memory_gib": round(gibibytes),
        "system": system_name(), "python": platform.python_version(),
        "compiler": first_line([os.environ.get("CC", "cc"), "--version"]),
        "date": datetime.date.today().isoformat(),
    }  # fmt: skip


def cpu_name() -> str:
    """As the processor calls itself, with its numbers: a virtual machine may hide the model."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return first_line(["sysctl", "-n", "machdep.cpu.brand_string"])
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", cpuinfo.read_text(), re.MULTILINE))
    name = fields.get("model name", platform.machine())
    return f"{name} (family {fields['cpu family']} model {fields['model']})" if "model" in fields else name


def system_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform(terse=True)


def first_line(command: list[str]) -> str:
    """The first line that a command prints, or "unknown"."""
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def use_cores(threads: int) -> list[int]:
    """Bind this process and its children to as many cores as there are threads, no two of them halves of one.

    Returns the cores; an empty list where the system cannot bind.
    """
    if not hasattr(os, "sched_setaffinity"):
        return []
    allowed = sorted(os.sched_getaffinity(0))
    siblings = Path("/sys/devices/system/cpu")

    def physical(core: int) -> str:
        path = siblings / f"cpu{core}/topology/thread_siblings_list"
        return path.read_text() if path.exists() else str(core)

    first_halves = {physical(core): core for core in reversed(allowed)}.values()
    others = [core for core in allowed if core not in first_halves]
    cores = [*sorted(first_halves), *others][:threads]
    os.sched_setaffinity(0, cores)
    return cores


def sgemm_peak(threads: int) -> tuple[float, str] | None:
    """GFLOP/s of large float32 matrix products, and how that was found; None without numpy."""
    environment = os.environ | dict.fromkeys(BLAS_THREADS, str(threads))
    command = [sys.executable, HERE / "sgemm_peak.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        return None
    result = json.loads(done.stdout)
    return result["gflops"], result["how"]
