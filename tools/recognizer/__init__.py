"""The digit recognizer: what it answers, and the window in which one draws."""
