"""Installs a peer with pip into the virtual environment that the benchmark runs in."""

import subprocess
import sys

# Measured on x86-64 Linux with JAX 0.10.2 and PyTorch 2.15.0; numpy is there already.
DOWNLOAD = {"jax": "about 125 MB", "torch": "about 3 GB on x86-64 Linux, most of it CUDA libraries; 5 GB on disk"}


def missing(peer: str) -> str | None:
    """Why a peer cannot be used, in a few words; None if it can. A new Python is asked, as it will run it."""
    command = [sys.executable, "-c", f"import numpy, {peer}"]
    found = subprocess.run(command, capture_output=True, text=True)
    return None if found.returncode == 0 else (found.stderr.strip().splitlines() or ["no message"])[-1]


def install(peer: str) -> str | None:
    """Install the newest version of a missing peer; returns why it still cannot be used, or None."""
    if missing(peer) is None:
        return None
    if sys.prefix == sys.base_prefix:
        return "not installed, and only a virtual environment is installed into: tools/run.sh bench makes one"
    print(f"bench: pip install {peer}: downloads {DOWNLOAD[peer]}", file=sys.stderr, flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", peer]
    done = subprocess.run(pip, stdout=sys.stderr)  # stdout is for the results
    return missing(peer) if done.returncode == 0 else f"pip install failed: exit status {done.returncode}"
