"""The same work in JAX, in PyTorch and in plain C, and how each run is measured, for bench."""
