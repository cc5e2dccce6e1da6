"""What the hand draws, and how it is painted."""
