"""The trained networks in numpy: how they run, where attention looks, their files, images that fit them."""

from models.files import load_digit_model, load_model, save_model
from models.model import Model
from models.networks import AttentionPool, Cnn, Dense, Mlp, logits, probabilities, softmax

__all__ = [
    "AttentionPool",
    "Cnn",
    "Dense",
    "Mlp",
    "Model",
    "load_digit_model",
    "load_model",
    "logits",
    "probabilities",
    "save_model",
    "softmax",
]
