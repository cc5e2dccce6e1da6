"""The largest networks that a model file may hold, of either format.

The same as in include/nn/models/limits.hpp; tests/golden/network_limits.json tests both.
"""

MAX_LAYER_SIZE = 65536  # units, filters, classes, an embedding's size, ...
MAX_HIDDEN_LAYERS = 64
MAX_TOKENS = 4096
MAX_HEADS = 64
MAX_IMAGE_SIDE = 4096  # pixels
MAX_PIXELS = MAX_IMAGE_SIDE**2  # of an image
