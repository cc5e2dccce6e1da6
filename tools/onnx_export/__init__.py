"""ONNX files of the networks: graph.py and nodes.py build them, runtime.py runs and quantizes them."""
