"""A screen where there is none."""
