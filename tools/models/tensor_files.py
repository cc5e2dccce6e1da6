"""Named tensors with metadata: .safetensors, which the C++ programs read and write too, and NPZ for numpy.

Metadata of a .safetensors is text by name: "format" is "nn.model", "network" is as in network_json.py, the
rest is optional: "program", "options", "class_names" (a JSON list), "preparation" (preparation.py), ... Tensors
are float32 (float16 is read, too), LAYERn.SUFFIX:
n counts the layers of a kind through the chain, such as conv1.weight. Others, such as a checkpoint's, are no
part of the model. An NPZ has the same tensors, and the metadata as one JSON text called "metadata".
"""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from common.class_names import is_class_name
from common.errors import ModelError
from common.preparation import EXPECTED, parse_preparation
from common.text import parse_json
from models.model import Model
from models.network_json import network_json, parse_network, parse_object
from models.old_networks import Stored, parse_old_network

FORMAT = "nn.model"
# Made again when a model is written; the state of a checkpoint's training, whose tensors are left out, is not.
NOT_KEPT = ("format", "network", "training")


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file's first nine bytes are the length of a header and a brace: no .bin has these sizes."""
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < 2**32


def read_safetensors(path: Path) -> Model:
    """Raises ModelError (path, found, expected), or NetworkError."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if (found := metadata.get("format", "missing")) != FORMAT:
                raise ModelError(path, f'metadata "format" is {found[:60]}', f"{FORMAT}, as of a model")
            if "network" not in metadata:
                raise ModelError(path, 'metadata "network" is missing', "a network as JSON")
            network, stored = parse_any(parse_object(path, metadata["network"]))
            _check_class_names(path, metadata, network.classes)
            _check_preparation(path, metadata)
            names, tensors = set(file.keys()), {}
            for own_name, own_shape in network.shapes.items():
                name, shape = stored.get(own_name, (own_name, own_shape))
                expected = f"float32 {shape} for {network.summary}"
                if name not in names:
                    raise ModelError(path, f"no tensor {name}", expected)
                view = file.get_slice(name)
                if view.get_dtype() not in ("F32", "F16") or tuple(view.get_shape()) != shape:
                    found = f"tensor {name} is {view.get_dtype()} {tuple(view.get_shape())}"
                    raise ModelError(path, found, expected)
                tensors[own_name] = file.get_tensor(name).reshape(own_shape)
    except SafetensorError as error:
        raise ModelError(path, f"damaged ({error})", "a .safetensors") from error
    others = {name: text for name, text in metadata.items() if name not in NOT_KEPT}
    return replace(network, tensors=tensors, metadata=others)


def parse_any(values: dict[str, object]) -> tuple[Model, Stored]:
    """The network, and which of its tensors the file stores in another way. Raises NetworkError."""
    return parse_old_network(values) if "kind" in values else (parse_network(values), {})


def _check_class_names(path: Path, metadata: dict[str, str], classes: int) -> None:
    if "class_names" not in metadata:
        return
    try:
        names = parse_json(metadata["class_names"])
    except ValueError:
        names = None
    if not (
        isinstance(names, list)
        and len(names) == classes
        and all(isinstance(name, str) and is_class_name(name) for name in names)
    ):
        expected = f"a JSON list of {classes} names"
        raise ModelError(path, f'metadata "class_names" is {metadata["class_names"][:60]}', expected)


def _check_preparation(path: Path, metadata: dict[str, str]) -> None:
    if "preparation" not in metadata:
        return
    try:
        parse_preparation(metadata["preparation"])
    except ValueError as error:
        raise ModelError(path, f'metadata "preparation" is {error}', EXPECTED) from error


def model_metadata(model: Model) -> dict[str, str]:
    """All that a file says of a model."""
    own = {"program": model.program, "format": FORMAT, "network": network_json(model)}
    return {**model.metadata, **own}


def safetensors_bytes(model: Model) -> bytes:
    tensors = {name: np.ascontiguousarray(t) for name, t in model.tensors.items()}  # save() ignores strides
    return save(tensors, model_metadata(model))


def npz_bytes(model: Model) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer, allow_pickle=False, metadata=np.array(json.dumps(model_metadata(model))), **model.tensors
    )
    return buffer.getvalue()
