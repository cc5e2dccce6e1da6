"""The three networks that files could hold before networks were chains: a .bin, and JSON with a "kind".

{"kind":"mlp","inputs":784,"hidden":[{"units":512,"activation":"relu","dropout":0}],"classes":10}
{"kind":"cnn","height":28,"width":28,"filters":8,"kernel":3,"classes":10}
{"kind":"attention_pool","height":28,"width":28,"patch":4,"d_model":64,"ff_dim":128,"heads":1,
 "position":"sinusoidal","classes":10}
"""

from collections.abc import Iterable, Mapping

from models.chain import Layer, Shape
from models.layers import LAYERS, Attention, Conv, Dense, Dropout, MaxPool, Mean, Patches, Position, Relu
from models.limits import NetworkError, shown
from models.model import Model

Stored = dict[str, tuple[str, Shape]]  # what tensors are called in a file, and their shapes there
ATTENTION_TENSORS = "Wp bp pos Wq bq Wk bk Wv bv W1 b1 W2 b2 Wcls bcls"


def mlp(inputs: int, hidden: Iterable[tuple[int, str, float]], classes: int) -> Model:
    """Of a hidden layer: units, activation, rate of dropout."""
    layers: list[Layer] = []
    for units, activation, rate in hidden:
        layers += [Dense(units), *([] if activation == "none" else [LAYERS[activation]()])]
        layers += [Dropout(rate)] if rate else []
    return Model(input=(inputs,), layers=(*layers, Dense(classes)))


def cnn(size: tuple[int, int], filters: int, kernel: int, classes: int) -> Model:
    return Model(input=size, layers=(Conv(filters, kernel), Relu(), MaxPool(2), Dense(classes)))


def attention_pool(
    size: tuple[int, int],
    patch: int,
    width: int,
    ff: int,
    classes: int,
    heads: int = 1,
    position: str = "sinusoidal",
) -> Model:
    tokens = [Patches(patch, width), *([] if position == "none" else [Position(position)]), Relu()]
    feed_forward = [Dense(ff), Relu(), Dense(width)]
    return Model(input=size, layers=(*tokens, Attention(heads), *feed_forward, Mean(), Dense(classes)))


def parse_old_network(values: Mapping[str, object]) -> tuple[Model, Stored]:
    """The network without tensors, and how its file stores each of them. Raises NetworkError."""
    try:
        match values:
            case {"kind": "mlp", "inputs": inputs, "hidden": hidden, "classes": classes}:
                model = mlp(inputs, [(h["units"], h["activation"], h["dropout"]) for h in hidden], classes)
                names = [f"{letter}{i}" for i in range(1, len(hidden) + 2) for letter in "Wb"]
            case {"kind": "cnn", "height": h, "width": w, "filters": filters, "kernel": k,
                  "classes": classes}:  # fmt: skip
                model = cnn((h, w), filters, k, classes)
                names = ["conv.weight", "conv.bias", "fc.weight", "fc.bias"]
            case {"kind": "attention_pool", "height": h, "width": w, "patch": patch, "d_model": width,
                  "ff_dim": ff, "heads": heads, "position": position, "classes": classes}:  # fmt: skip
                model = attention_pool((h, w), patch, width, ff, classes, heads, position)
                names = [name for name in ATTENTION_TENSORS.split() if name != "pos" or position != "none"]
            case _:
                raise KeyError("kind")
    except (LookupError, TypeError) as error:
        found = f"the network is {shown(values)}"
        raise NetworkError(found, "a whole one of the kind mlp, cnn or attention_pool") from error
    stored = {new: (old, shape) for old, (new, shape) in zip(names, model.shapes.items(), strict=True)}
    if values["kind"] == "cnn":
        stored["conv1.weight"] = ("conv.weight", (filters, k * k))
    return model, stored
