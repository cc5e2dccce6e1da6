"""The digit recognizer: what it predicts, and the window in which one draws."""
