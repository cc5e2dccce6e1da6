"""The same work in JAX, in PyTorch and in plain C, an older commit's programs, and how each run is measured, for bench."""
