"""The page that recognises digits in a browser: its WebAssembly, its models, and how it becomes one file."""
