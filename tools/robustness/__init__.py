"""What drawn_benchmark measures with: digits drawn again, drawings of non-digits, what is rejected."""
