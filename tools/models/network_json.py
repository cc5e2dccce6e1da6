"""A network as the JSON text in a .safetensors: every field of every layer, and no other.

{"input":[28,28],"layers":[{"layer":"conv","filters":8,"kernel":3,"stride":1,"valid":false},
 {"layer":"relu"},{"layer":"max-pool","size":2},{"layer":"dense","units":10}]}
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from common.errors import ModelError
from common.text import parse_json
from models.chain import Layer
from models.layers import LAYERS
from models.limits import MAX_DEPTH, NetworkError, shown
from models.model import Model


def network_json(model: Model) -> str:
    def values(layer: Layer) -> dict[str, object]:
        return {"layer": layer.name, **vars(layer)}

    network = {"input": model.input, "layers": model.layers}
    return json.dumps(network, default=values, separators=(",", ":"))


def parse_object(path: Path, text: str) -> dict[str, object]:
    """Raises ModelError."""
    try:
        values = parse_json(text)
    except ValueError as error:
        raise ModelError(path, f"a network that is no JSON ({error})", "a JSON object") from error
    if not isinstance(values, dict):
        raise ModelError(path, f"the network is {shown(values)}", "a JSON object")
    return values


def parse_network(values: Mapping[str, object]) -> Model:
    """The network that a JSON object describes, without tensors. Raises NetworkError."""
    check_keys("the network", values, ("input", "layers"))
    size = values["input"]
    try:
        layers = parse_layers("", values["layers"])
    except RecursionError as error:
        raise NetworkError("residuals nested too deep", f"at most {MAX_DEPTH} deep") from error
    return Model(input=tuple(size) if isinstance(size, list) else size, layers=layers)


def parse_layers(where: str, values: object) -> tuple[Layer, ...]:
    """`where` the list is, for messages. Raises NetworkError."""
    if not isinstance(values, list):
        raise NetworkError(f"{where}the layers are {shown(values)}", "a list of layers")
    return tuple(parse_layer(f"{where}layer {number}", value) for number, value in enumerate(values, start=1))


def parse_layer(where: str, value: object) -> Layer:
    name = value.get("layer") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in LAYERS:
        raise NetworkError(f"{where} is {shown(value)}", f'{{"layer": ...}} with one of {", ".join(LAYERS)}')
    kind = LAYERS[name]
    names = [field.name for field in dataclasses.fields(kind)]
    check_keys(f"{where}: {name}", value, ("layer", *names))
    values = {key: value[key] for key in names}
    if "layers" in values:
        values["layers"] = parse_layers(f"{where}: ", values["layers"])
    try:
        return kind(**values)
    except NetworkError as error:
        raise NetworkError(f"{where}: {error.found}", error.expected) from None


def check_keys(where: str, values: Mapping[str, object], expected: Iterable[str]) -> None:
    """Neither fewer nor more."""
    if missing := [key for key in expected if key not in values]:
        raise NetworkError(f"{where} has no {missing[0]}", f"the keys {', '.join(expected)}")
    if unknown := sorted(values.keys() - set(expected)):
        raise NetworkError(f"{where} has the key {shown(unknown[0])}", f"no key but {', '.join(expected)}")
