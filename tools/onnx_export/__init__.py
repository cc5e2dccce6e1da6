"""ONNX files of the networks: graph.py builds them, runtime.py runs and quantizes them."""
