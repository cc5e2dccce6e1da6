"""The trained networks in numpy: how they run, where attention looks, their files, images that fit them."""

from models.files import load_digit_model, load_model, save_model
from models.layers import softmax
from models.limits import NetworkError
from models.model import Model, logits, probabilities
from models.network_json import network_json

__all__ = [
    "Model",
    "NetworkError",
    "load_digit_model",
    "load_model",
    "logits",
    "network_json",
    "probabilities",
    "save_model",
    "softmax",
]
