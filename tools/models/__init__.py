"""The trained networks in numpy: their files (files.py) and how they run forward (networks.py)."""

from models.files import load_digit_model, load_model, save_model
from models.networks import (
    DIGITS,
    AttentionPool,
    Cnn,
    Dense,
    ImageModel,
    Mlp,
    Model,
    logits,
    probabilities,
    softmax,
)

__all__ = [
    "DIGITS",
    "AttentionPool",
    "Cnn",
    "Dense",
    "ImageModel",
    "Mlp",
    "Model",
    "load_digit_model",
    "load_model",
    "logits",
    "probabilities",
    "save_model",
    "softmax",
]
