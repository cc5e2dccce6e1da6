"""A network's sizes as the JSON text in a .safetensors: its kind, and one key for each of its fields.

{"kind":"mlp","inputs":784,"hidden":[{"units":512,"activation":"relu","dropout":0}],"classes":10}
{"kind":"cnn","height":28,"width":28,"filters":8,"kernel":3,"classes":10}
{"kind":"attention_pool","height":28,"width":28,"patch":4,"d_model":64,"ff_dim":128,"heads":1,
 "position":"sinusoidal","classes":10}
"""

import dataclasses
import json
from pathlib import Path

from common.errors import ModelError
from common.text import parse_json
from models.limits import MAX_IMAGE_SIDE, MAX_LAYER_SIZE, MAX_PIXELS
from models.model import Model
from models.networks import ACTIVATIONS, POSITIONS, AttentionPool, Cnn, Dense, Mlp

KINDS: dict[str, type[Model]] = {kind.kind: kind for kind in (Mlp, Cnn, AttentionPool)}
WORDS = {"activation": tuple(ACTIVATIONS), "position": POSITIONS}
MAX_SIZES = {"inputs": MAX_PIXELS, "height": MAX_IMAGE_SIDE, "width": MAX_IMAGE_SIDE}  # else MAX_LAYER_SIZE


def network_json(model: Model) -> str:
    names = [name for name in _fields(type(model)) if name != "classes"]
    values = {name: getattr(model, name) for name in [*names, "classes"]}
    return json.dumps({"kind": model.kind, **values}, default=dataclasses.asdict, separators=(",", ":"))


def parse_network(path: Path, text: str) -> Model:
    """The network that `text` from `path` describes, without tensors. Raises ModelError."""
    try:
        values = parse_json(text)
    except ValueError as error:
        raise ModelError(path, f"a network that is no JSON ({error})", "a JSON object") from error
    if not isinstance(values, dict):
        raise _refusal(path, "", values, "a JSON object")
    name = values.pop("kind", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise _refusal(path, "'s kind", name, f"one of {', '.join(KINDS)}")
    model = kind(**_read_fields(path, "'s ", _fields(kind), values))
    if contradiction := model.contradiction():
        raise ModelError(path, *contradiction)
    return model


def check_limits(path: Path, network: Model) -> None:
    """Raises ModelError if no model file may hold this network."""
    parse_network(path, network_json(network))


def _fields(kind: type) -> list[str]:
    return [f.name for f in dataclasses.fields(kind) if f.name not in ("tensors", "metadata")]


def _read_fields(path: Path, where: str, names: list[str], values: dict[str, object]) -> dict[str, object]:
    """The value of each field, checked; there must be neither fewer nor more."""
    for name in sorted(values.keys() - set(names)):
        raise _refusal(path, where + name, values[name], f"no key but {', '.join(names)}")
    return {name: _read_field(path, where + name, name, values.get(name)) for name in names}


def _read_field(path: Path, where: str, name: str, value: object) -> object:
    if name == "hidden":
        if not isinstance(value, list) or not all(isinstance(layer, dict) for layer in value):
            raise _refusal(path, where, value, "a list of layers")
        layers = enumerate(value, start=1)
        return tuple(
            Dense(**_read_fields(path, f"'s hidden layer {i}: ", _fields(Dense), v)) for i, v in layers
        )
    if name in WORDS:
        good, expected = value in WORDS[name], f"one of {', '.join(WORDS[name])}"
    elif name == "dropout":
        good, expected = type(value) in (int, float) and 0 <= value < 1, "a rate from 0 to less than 1"
    else:
        largest = MAX_SIZES.get(name, MAX_LAYER_SIZE)
        good = type(value) is int and 1 <= value <= largest
        expected = f"a whole number from 1 to {largest}"
    if not good:
        raise _refusal(path, where, value, expected)
    return value


def _refusal(path: Path, where: str, value: object, expected: str) -> ModelError:
    found = "missing" if value is None else json.dumps(value)
    return ModelError(
        path, f"the network{where} is {found if len(found) < 60 else found[:60] + '...'}", expected
    )
