"""Models as .safetensors: what is written is read, and everything that can be wrong with one."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models import Model, load_model, save_model
from models.network_json import network_json, parse_network
from networks import OTHER_NETWORKS, SMALL, model_error, random_model, written


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_safetensors_round_trip(name: str, tmp_path: Path) -> None:
    model = replace(random_model(OTHER_NETWORKS[name]), metadata={"program": "mine", "options": "{}"})
    save_model(tmp_path / "model.safetensors", model)
    check_equal(load_model(tmp_path / "model.safetensors"), model)


def check_equal(found: Model, expected: Model) -> None:
    assert network_json(found) == network_json(expected) and found.metadata == expected.metadata
    assert list(found.tensors) == list(expected.tensors)
    for name, tensor in expected.tensors.items():
        assert found.tensors[name].dtype == np.float32 and np.array_equal(found.tensors[name], tensor)


def random_file(folder: Path, **changes: object) -> Path:
    """SMALL as a .safetensors; a change is to a tensor, or to the metadata: None removes it."""
    model = random_model(SMALL)
    tensors: dict[str, object] = dict(model.tensors)
    metadata: dict[str, object] = {"format": "nn.model", "network": network_json(model)}
    for name, value in changes.items():
        (metadata if isinstance(value, str) or name in metadata else tensors)[name] = value
    path = folder / "model"
    kept = [
        {name: value for name, value in part.items() if value is not None} for part in (tensors, metadata)
    ]
    save_file(kept[0], path, kept[1] or None)
    return path


def test_further_tensors_and_the_state_of_training_are_no_part_of_the_model(tmp_path: Path) -> None:
    more = {"moment1.W1": np.ones((4, 3), np.float64), "order": np.arange(5), "training": "{}"}
    path = random_file(tmp_path, program="mnist_mlp", **more)
    check_equal(load_model(path), replace(random_model(SMALL), metadata={"program": "mnist_mlp"}))


NAN, INFINITE = np.full(2, math.nan, np.float32), np.array([1, math.inf], np.float32)
DAMAGED = {
    "missing tensor": ({"b2": None}, "no tensor b2, expected float32 (2,) for MLP 4-3-2-2, gelu, none"),
    "shape": (
        {"W1": np.ones((3, 4), np.float32)},
        "tensor W1 is F32 (3, 4), expected float32 (4, 3) for MLP 4-3-2-2, gelu, none",
    ),
    "type": (
        {"b2": np.ones(2)},
        "tensor b2 is F64 (2,), expected float32 (2,) for MLP 4-3-2-2, gelu, none",
    ),
    "nan": ({"b2": NAN}, "2 of the 2 values of b2 are not finite, expected finite numbers"),
    "infinite": ({"b3": INFINITE}, "1 of the 2 values of b3 are not finite, expected finite numbers"),
    "no metadata": (
        {"format": None, "network": None},
        'metadata "format" is missing, expected nn.model, as of a model',
    ),
    "format": ({"format": "other"}, 'metadata "format" is other, expected nn.model, as of a model'),
    "no network": ({"network": None}, 'metadata "network" is missing, expected a network as JSON'),
    "class names": (
        {"class_names": '["a"]'},
        'metadata "class_names" is ["a"], expected a JSON list of 2 names',
    ),
    "class names, no JSON": (
        {"class_names": "a"},
        'metadata "class_names" is a, expected a JSON list of 2 names',
    ),
    **{
        f"class names, {kind}": (
            {"class_names": text},
            f'metadata "class_names" is {text[:60]}, expected a JSON list of 2 names',
        )
        for kind, text in {
            "nested": "[" * 100_000,
            "lone surrogate": '["a", "\\ud800"]',
            "new line": '["a", "b\\n"]',
            "escape": '["a", "\\u001b[2J"]',
            "empty": '["a", ""]',
            "number": '["a", 1]',
        }.items()
    },
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_safetensors(damage: str, tmp_path: Path) -> None:
    changes, said = DAMAGED[damage]
    assert model_error(load_model, random_file(tmp_path, **changes)) == said


def test_safetensors_cut_or_longer(tmp_path: Path) -> None:
    whole = random_file(tmp_path).read_bytes()
    for content in (whole[:-1], whole + b"!"):
        assert model_error(load_model, written(tmp_path, content)).startswith("damaged (")


def test_cut_anywhere(tmp_path: Path) -> None:
    whole = random_file(tmp_path).read_bytes()
    for length in range(len(whole)):
        model_error(load_model, written(tmp_path, whole[:length]))


CNN = '{"kind":"cnn","height":28,"width":28,"filters":8,"kernel":3,"classes":10}'
ATTENTION = (
    '{"kind":"attention_pool","height":28,"width":28,"patch":4,"d_model":64,"ff_dim":128,"heads":1,'
    '"position":"sinusoidal","classes":10}'
)
LAYER = '{"units":64,"activation":"gelu","dropout":0.2}'
MLP = f'{{"kind":"mlp","inputs":784,"hidden":[{LAYER}],"classes":10}}'


@pytest.mark.parametrize("text", [MLP, CNN, ATTENTION])
def test_network_json(text: str) -> None:
    assert network_json(parse_network(Path("x"), text)) == text


WHOLE = "expected a whole number from 1 to 65536"
BAD_NETWORKS = [
    ("{", "", "", "a network that is no JSON ("),
    (CNN, CNN, "[" * 100_000, "a network that is no JSON (nested too deep), expected a JSON object"),
    (CNN, CNN, "[1]", "the network is [1], expected a JSON object"),
    (CNN, '"cnn"', '"rnn"', """the network's kind is "rnn", expected one of mlp, cnn, attention_pool"""),
    (CNN, '"cnn"', "[]", "the network's kind is [], expected one of"),
    (CNN, '"kind":"cnn",', "", "the network's kind is missing, expected one of"),
    (CNN, '"height":28', '"size":28', "the network's size is 28, expected no key but classes, height, "),
    (CNN, '"height":28,', "", "the network's height is missing, expected a whole number from 1 to 4096"),
    (CNN, '"height":28', '"height":4097', "the network's height is 4097, expected a whole number from 1 to "),
    (MLP, "784", "16777217", "the network's inputs is 16777217, expected a whole number from 1 to 16777216"),
    (CNN, '"filters":8', '"filters":0', f"the network's filters is 0, {WHOLE}"),
    (CNN, '"filters":8', '"filters":65537', f"the network's filters is 65537, {WHOLE}"),
    (CNN, '"filters":8', '"filters":8.0', f"the network's filters is 8.0, {WHOLE}"),
    (CNN, '"filters":8', '"filters":true', f"the network's filters is true, {WHOLE}"),
    (CNN, '"filters":8', '"filters":"8"', f"""the network's filters is "8", {WHOLE}"""),
    (CNN, '"filters":8', f'"filters":1{"0" * 99}', f"the network's filters is 1{'0' * 59}..., {WHOLE}"),
    (CNN, '"kernel":3', '"kernel":4', "a kernel of 4, expected 3, 5 or 7"),
    (CNN, '"width":28', '"width":1', "images of 28 x 1 pixels, expected at least 2 x 2"),
    (ATTENTION, '"width":28', '"width":30', "images of 28 x 30 pixels, expected multiples of the patch, 4"),
    (ATTENTION, '28,"width":28', '512,"width":512', "16384 patches an image, expected at most 4096"),
    (ATTENTION, '"heads":1', '"heads":3', "3 heads, expected a divisor of d_model, 64, of at most 64"),
    (ATTENTION, "sinusoidal", "rope", """the network's position is "rope", expected one of sinusoidal, """),
    (MLP, "[{", "{", "a network that is no JSON ("),
    (MLP, f"[{LAYER}]", "64", "the network's hidden is 64, expected a list of layers"),
    (MLP, LAYER, "[64]", "the network's hidden is [[64]], expected a list of layers"),
    (MLP, '{"units":64', '{"size":64', "the network's hidden layer 1: size is 64, expected no key but "),
    (MLP, '"units":64', '"units":-1', f"the network's hidden layer 1: units is -1, {WHOLE}"),
    (MLP, "gelu", "swish", """the network's hidden layer 1: activation is "swish", expected one of none, """),
    (MLP, "0.2", "1", "the network's hidden layer 1: dropout is 1, expected a rate from 0 to less than 1"),
    (MLP, "0.2", "NaN", "the network's hidden layer 1: dropout is NaN, expected a rate"),
    (MLP, LAYER, ",".join([LAYER] * 65), "65 hidden layers, expected at most 64"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "said"), BAD_NETWORKS)
def test_bad_networks(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in text
    assert model_error(load_model, random_file(tmp_path, network=text.replace(old, new))).startswith(said)


def test_class_names(tmp_path: Path) -> None:
    assert load_model(random_file(tmp_path)).class_names == ["0", "1"]
    assert load_model(random_file(tmp_path, class_names='["shoe", "bag"]')).class_names == ["shoe", "bag"]
