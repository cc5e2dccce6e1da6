"""What drawn_benchmark measures with: digits drawn again, drawings that are no digit, what is refused."""
