"""What the page holds: models with float16 weights, and the test digits that each of them gets wrong."""

import base64
import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from common.errors import InputError
from models import Model, load_digit_model, probabilities
from models.tensor_files import model_metadata

MAX_MISTAKES = 24  # digits in a model's gallery
KEPT = ("class_names",)  # of the metadata: the rest is of no use on a page


@dataclass(frozen=True, eq=False)
class Embedded:
    """A model as it is on the page."""

    name: str
    about: str
    bytes: bytes  # .safetensors, float16
    images: np.ndarray  # (count, 28, 28), uint8, of its most confident mistakes
    labels: list[int]
    predicted: list[str]  # names of classes

    def json(self) -> dict[str, object]:
        mistakes = {
            "images": packed(self.images.tobytes()),
            "labels": self.labels,
            "predicted": self.predicted,
        }
        return {"name": self.name, "about": self.about, "bytes": packed(self.bytes), "mistakes": mistakes}


def embed(path: Path, images: np.ndarray, labels: np.ndarray) -> Embedded:
    """The model of a file, whose accuracy is that of its float16 weights. Raises InputError."""
    model = load_digit_model(path)
    half = {name: t.astype(np.float16) for name, t in model.tensors.items()}
    if not all(np.isfinite(t).all() for t in half.values()):
        raise InputError(path, "weights beyond 65504", "a model whose weights fit into float16")
    as_float = {name: t.astype(np.float32) for name, t in half.items()}
    p = probabilities(replace(model, tensors=as_float), images / np.float32(255))
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][:MAX_MISTAKES]
    accuracy = 100 * np.mean(predicted == labels)
    return Embedded(
        name=path.stem,
        about=f"{accuracy:.2f} % of the test digits, {model.parameters:,} weights",
        bytes=half_safetensors(model, half),
        images=images[wrong].astype(np.uint8),
        labels=[int(label) for label in labels[wrong]],
        predicted=[model.class_names[label] for label in predicted[wrong]],
    )


def half_safetensors(model: Model, tensors: dict[str, np.ndarray]) -> bytes:
    small = replace(model, metadata={key: text for key, text in model.metadata.items() if key in KEPT})
    return save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, model_metadata(small))


def packed(data: bytes) -> str:
    """As the page unpacks it."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def script_json(value: object) -> str:
    """JSON that can stand in a <script>: nothing in it ends one."""
    return json.dumps(value).replace("<", "\\u003c")
