"""The page that recognises digits in a browser: its WebAssembly, the models in it, and how it becomes one file."""
