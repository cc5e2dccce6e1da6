"""A screen where there is none, and what commands print as a picture of a terminal."""
