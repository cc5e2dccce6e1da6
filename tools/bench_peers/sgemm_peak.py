#!/usr/bin/env python3
"""The best GFLOP/s of numpy's float32 matrix product on this machine: one line of JSON.

A program of its own: numpy's BLAS reads the number of threads from the environment when it is loaded, and the
benchmark itself stays small, because a child's peak memory cannot read lower than its parent's.
"""

import json
import time

import numpy as np

SIZES = (1024, 2048, 4096)


def best_gflops(n: int, seconds: float = 0.5) -> float:
    """The fastest of the n x n products that fit into `seconds` (at least three)."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, n, n), dtype=np.float32)
    c = np.empty_like(a)
    best, runs, end = float("inf"), 0, time.perf_counter() + seconds
    while runs < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, b, out=c)
        best, runs = min(best, time.perf_counter() - start), runs + 1
    return 2 * n**3 / best / 1e9


def main() -> None:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    library = f"numpy {np.__version__} ({blas['name']} {blas['version']})"
    how = f"the best float32 product of n x n, n = {', '.join(map(str, SIZES))}, with {library}"
    print(json.dumps({"gflops": max(map(best_gflops, SIZES)), "how": how}))


if __name__ == "__main__":
    main()
