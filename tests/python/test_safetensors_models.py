"""Models as .safetensors: what is written is read, and everything that can be wrong with one."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models import Model, NetworkError, load_model, network_json, save_model
from models.chain import Layer
from models.layers import Conv, Dense, Gelu, Patches, Relu, Residual
from models.network_json import parse_network
from models.old_networks import parse_old_network
from networks import OTHER_NETWORKS, SMALL, model_error, random_model, written
from support import GOLDEN


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
    more = {"moment1.dense1.weight": np.ones((4, 3), np.float64), "order": np.arange(5), "training": "{}"}
    path = random_file(tmp_path, program="mnist_mlp", **more)
    check_equal(load_model(path), replace(random_model(SMALL), metadata={"program": "mnist_mlp"}))


NAN, INFINITE = np.full(2, math.nan, np.float32), np.array([1, math.inf], np.float32)
FOR = f"for {SMALL.summary}"
DAMAGED = {
    "missing tensor": ({"dense2.bias": None}, f"no tensor dense2.bias, expected float32 (2,) {FOR}"),
    "shape": (
        {"dense1.weight": np.ones((3, 4), np.float32)},
        f"tensor dense1.weight is F32 (3, 4), expected float32 (4, 3) {FOR}",
    ),
    "type": (
        {"dense2.bias": np.ones(2)},
        f"tensor dense2.bias is F64 (2,), expected float32 (2,) {FOR}",
    ),
    "nan": ({"dense2.bias": NAN}, "2 of the 2 values of dense2.bias are not finite, expected finite numbers"),
    "infinite": (
        {"dense3.bias": INFINITE},
        "1 of the 2 values of dense3.bias are not finite, expected finite numbers",
    ),
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


CNN = (
    '{"input":[28,28],"layers":[{"layer":"conv","filters":16,"kernel":3,"stride":1,"valid":false},'
    '{"layer":"relu"},{"layer":"max-pool","size":2},{"layer":"batch-norm"},{"layer":"dense","units":10}]}'
)
ATTENTION = (
    '{"input":[28,28],"layers":[{"layer":"patches","patch":4,"width":64},'
    '{"layer":"position","start":"sinusoidal"},{"layer":"residual","layers":[{"layer":"layer-norm"},'
    '{"layer":"attention","heads":4,"projection":true}]},{"layer":"mean"},{"layer":"dense","units":10}]}'
)
MLP = (
    '{"input":[784],"layers":[{"layer":"dense","units":64},{"layer":"dropout","rate":0.2},'
    '{"layer":"dense","units":10}]}'
)


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (MLP, "dense 64, dropout 0.2, dense 10"),
        (CNN, "conv 16 3x3, relu, max-pool 2, batch-norm, dense 10"),
        (
            ATTENTION,
            "patches 4 64, position sinusoidal, residual(layer-norm, attention 4 projection), mean, dense 10",
        ),
    ],
)
def test_network_json(text: str, summary: str) -> None:
    model = parse_network(json.loads(text))
    assert network_json(model) == text and model.summary == summary


def test_texts_of_layers() -> None:
    assert str(Conv(8, 5, stride=2, valid=True)) == "conv 8 5x5 stride 2 valid"
    assert str(Residual((Residual((Relu(),)), Gelu()))) == "residual(residual(relu), gelu)"


WHOLE = "expected a whole number from 1 to 65536"
BAD_NETWORKS = [
    ("{", "", "", "a network that is no JSON ("),
    (CNN, CNN, "[" * 100_000, "a network that is no JSON (nested too deep), expected a JSON object"),
    (CNN, CNN, "[1]", "the network is [1], expected a JSON object"),
    (CNN, '"input":[28,28],', "", "the network has no input, expected the keys input, layers"),
    (CNN, '"input"', '"size":1,"input"', 'the network has the key "size", expected no key but input, layers'),
    (CNN, "[28,28]", "28", "the network's input is 28, expected [N], at most 16777216, or [rows, columns], at "),
    (CNN, "[28,28]", "[28,4097]", "the network's input is [28, 4097], expected [N], at most"),
    (CNN, "[28,28]", "[28,28,1]", "the network's input is [28, 28, 1], expected [N], at most"),
    (MLP, "784", "16777217", "the network's input is [16777217], expected [N], at most 16777216"),
    (MLP, "784", "784.0", "the network's input is [784.0], expected [N], at most"),
    (CNN, '"layers":[', '"layers":[7,', 'layer 1 is 7, expected {"layer": ...} with one of conv, max-pool, '),
    (CNN, '"conv"', '"lstm"', 'layer 1 is {"layer": "lstm", "filters": 16'),
    (CNN, '"conv"', "[]", 'layer 1 is {"layer": [], '),
    (CNN, '"filters":16,', "", "layer 1: conv has no filters, expected the keys layer, filters, kernel, stride"),
    (CNN, '"layer":"relu"', '"layer":"relu","x":1', 'layer 2: relu has the key "x", expected no key but layer'),
    (CNN, '"filters":16', '"filters":0', f"layer 1: filters of conv is 0, {WHOLE}"),
    (CNN, '"filters":16', '"filters":65537', f"layer 1: filters of conv is 65537, {WHOLE}"),
    (CNN, '"filters":16', '"filters":8.0', f"layer 1: filters of conv is 8.0, {WHOLE}"),
    (CNN, '"filters":16', '"filters":true', f"layer 1: filters of conv is true, {WHOLE}"),
    (CNN, '"filters":16', '"filters":"8"', f"""layer 1: filters of conv is "8", {WHOLE}"""),
    (CNN, '"filters":16', f'"filters":1{"0" * 99}', f"layer 1: filters of conv is 1{'0' * 59}..., {WHOLE}"),
    (CNN, "false", "0", "layer 1: valid of conv is 0, expected true or false"),
    (CNN, "[28,28]", "[28,1]", "max-pool 2 on an image of 28 x 1 x 16, expected at least 2 x 2"),
    (CNN, "[28,28]", "[784]", "conv 16 3x3 on a vector of 784, expected an image"),
    (CNN, ',{"layer":"dense","units":10}', "", "14 x 14 x 16 values from the last layer, expected a vector of"),
    (ATTENTION, "28]", "30]", "patches 4 64 on an image of 28 x 30 x 1, expected multiples of the patch, 4"),
    (ATTENTION, "[28,28]", "[512,512]", "patches 4 64 on an image of 512 x 512 x 1, expected at most 4096"),
    (ATTENTION, '"heads":4', '"heads":3', "attention 3 projection on 49 tokens of 64, expected heads that "),
    (ATTENTION, "sinusoidal", "rope", """layer 2: start of position is "rope", expected one of sinusoidal, """),
    (ATTENTION, '"heads":4', '"heads":0', "layer 3: layer 2: heads of attention is 0, expected a whole number"),
    (ATTENTION, "layer-norm", "mean", "attention 4 projection on a vector of 64, expected tokens"),
    (ATTENTION, '"layer":"layer-norm"', '"layer":"dense","units":8', "residual(dense 8, attention 4 projection) "),
    (ATTENTION, '[{"layer":"layer-norm"}', '{"a":[]', "a network that is no JSON ("),
    (MLP, "[{", "{", "a network that is no JSON ("),
    (MLP, "0.2", "1", "layer 2: rate of dropout is 1, expected a rate from 0 to less than 1"),
    (MLP, "0.2", "NaN", "layer 2: rate of dropout is NaN, expected a rate"),
    (MLP, "0.2", '"0.2"', """layer 2: rate of dropout is "0.2", expected a rate"""),
    (MLP, '{"layer":"dropout","rate":0.2}', '{"layer":"residual","layers":[]}', "layer 2: layers of residual is "),
    (MLP, '{"layer":"dropout","rate":0.2}', '{"layer":"residual","layers":7}', "layer 2: the layers are 7, "),
    (MLP, '"units":10', '"units":10},{"layer":"mean"', "mean on a vector of 10, expected tokens"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "new", "said"), BAD_NETWORKS)
def test_bad_networks(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in text
    assert model_error(load_model, random_file(tmp_path, network=text.replace(old, new))).startswith(said)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((Relu(),) * 256, None),
        ((Relu(),) * 257, "more than 256 layers, expected at most 256"),
        ((Relu(), Residual((Relu(),) * 255)), "more than 256 layers, expected at most 256"),
    ],
)
def test_number_of_layers(layers: tuple[Layer, ...], said: str | None) -> None:
    """Those in others count, too."""
    if said is None:
        assert Model(input=(4,), layers=layers).classes == 4
    else:
        with pytest.raises(NetworkError, match=said):
            Model(input=(4,), layers=layers)


@pytest.mark.parametrize("depth", [9, 300, 900])
def test_residuals_nested_too_deep(depth: int, tmp_path: Path) -> None:
    text = '{"layer":"relu"}'
    for _ in range(depth):
        text = f'{{"layer":"residual","layers":[{text}]}}'
    said = model_error(load_model, random_file(tmp_path, network=f'{{"input":[4],"layers":[{text}]}}'))
    assert "nested" in said and said.endswith(("at most 8", "at most 8 deep", "a JSON object"))


@pytest.mark.parametrize(
    ("size", "layers", "said"),
    [
        ((4096, 4096), (Conv(17, 1),), "makes 285212672 values, expected at most 268435456"),
        ((128, 128), (Dense(65536),), None),
        ((128, 129), (Dense(65536),), "makes a tensor of 1082130432 values, expected at most 1073741824"),
        ((64, 64), (Patches(1, 65536), Dense(65536)), "makes a tensor of 4294967296 values"),
    ],
)
def test_products(size: tuple[int, int], layers: tuple[Layer, ...], said: str | None) -> None:
    if said is None:
        assert Model(input=size, layers=layers).classes == 65536
    else:
        with pytest.raises(NetworkError, match=said):
            Model(input=size, layers=layers)


OLD = {
    "mlp": {"kind": "mlp", "inputs": 9, "hidden": [{"units": 4, "activation": "tanh", "dropout": 0}], "classes": 3},
    "cnn": {"kind": "cnn", "height": 6, "width": 4, "filters": 2, "kernel": 3, "classes": 3},
    "attention_pool": {
        **{"kind": "attention_pool", "height": 4, "width": 4, "patch": 2, "d_model": 4, "ff_dim": 6, "heads": 2},
        **{"position": "none", "classes": 3},
    },
}  # fmt: skip


def test_old_file_without_positions(tmp_path: Path) -> None:
    """`pos` is there, and not read. With positions, and of the other kinds: the golden files."""
    network, stored = parse_old_network(OLD["attention_pool"])
    tensors = {old: np.full(shape, i, np.float32) for i, (old, shape) in enumerate(stored.values())}
    tensors["pos"] = np.full((4, 4), np.nan, np.float32)
    metadata = {"format": "nn.model", "network": json.dumps(OLD["attention_pool"])}
    save_file(tensors, tmp_path / "model", metadata)
    model = load_model(tmp_path / "model")
    assert model.summary == "patches 2 4, relu, attention 2, dense 6, relu, dense 4, mean, dense 3"
    assert [tensor.flat[0] for tensor in model.tensors.values()] == list(range(14))
    assert network_json(model) == network_json(network)


@pytest.mark.parametrize(
    ("kind", "key", "value", "said"),
    [
        ("cnn", "kind", "rnn", 'the network is {"kind": "rnn", '),
        ("cnn", "kernel", None, 'the network is {"kind": "cnn", '),
        ("cnn", "kernel", 65, "kernel of conv is 65, expected a whole number from 1 to 64"),
        ("cnn", "height", "6", """the network's input is ["6", 4], expected"""),
        ("mlp", "hidden", 7, 'the network is {"kind": "mlp", '),
        ("mlp", "hidden", [{"units": 4}], 'the network is {"kind": "mlp", '),
        ("mlp", "hidden", [{"units": 4, "activation": "mine", "dropout": 0}], 'the network is {"kind": "mlp", '),
        ("mlp", "hidden", [{"units": 4, "activation": "relu", "dropout": 1}], "rate of dropout is 1, expected"),
        ("attention_pool", "position", "rope", """start of position is "rope", expected one of sinusoidal"""),
    ],
)  # fmt: skip
def test_bad_old_networks(kind: str, key: str, value: object, said: str, tmp_path: Path) -> None:
    values = {name: v for name, v in {**OLD[kind], key: value}.items() if v is not None}
    assert model_error(load_model, random_file(tmp_path, network=json.dumps(values))).startswith(said)


def test_class_names(tmp_path: Path) -> None:
    assert load_model(random_file(tmp_path)).class_names == ["0", "1"]
    assert load_model(random_file(tmp_path, class_names='["shoe", "bag"]')).class_names == ["shoe", "bag"]


def test_float16_weights_are_read_as_the_floats_that_they_are():
    model = load_model(GOLDEN / "half.safetensors")
    halves = [[1.5, -2], [0.25, 6e-8], [65504, -1], [0, 0.1]]
    np.testing.assert_array_equal(model.tensors["dense1.weight"], np.array(halves, np.float16))
    assert model.tensors["dense1.weight"].dtype == np.float32
