"""The layers in numpy, each against results by hand or by loops; and chains of them."""

import math

import numpy as np
import pytest

from models import Model, layers, load_model, probabilities, softmax
from models.chain import Layer, all_steps, inputs_of, place, run
from networks import OTHER_NETWORKS, random_model
from support import GOLDEN


def test_every_layer_is_in_a_network_of_the_tests() -> None:
    """So that C++, numpy and ONNX are compared on it: test_parity.py."""
    steps = [step for network in OTHER_NETWORKS.values() for step in all_steps(network.steps)]
    assert {step.layer.name for step in steps} == layers.LAYERS.keys()


def of_one(layer: Layer, x: np.ndarray, **tensors: object) -> np.ndarray:
    """What a layer makes of x (B, ...)."""
    name = f"{layer.name.replace('-', '_')}1"
    weights = {f"{name}.{key}": np.array(value, np.float32) for key, value in tensors.items()}
    steps = place([layer], x.shape[1:], weights)
    assert steps[0].shapes == {key: value.shape for key, value in weights.items()}
    y = run(steps, x.astype(np.float64))
    assert y.shape == (len(x), *steps[0].makes)
    return y


def test_dense_by_hand() -> None:
    weights = {"weight": [[1.0, -1], [2, 0]], "bias": [0.5, 0]}
    assert of_one(layers.Dense(2), np.array([[1.0, 1]]), **weights).tolist() == [[3.5, -1]]
    tokens = np.array([[[1.0, 1], [0, 1]]])
    assert of_one(layers.Dense(2), tokens, **weights).tolist() == [[[3.5, -1], [2.5, 0]]]
    image = np.arange(8.0).reshape(1, 2, 2, 2)  # flattened channel by channel: 0 2 4 6, then 1 3 5 7
    found = of_one(layers.Dense(1), image, weight=10.0 ** -np.arange(8)[:, None], bias=[0])
    np.testing.assert_allclose(found, [[0.2461357]], rtol=1e-6)


CONVOLUTIONS = [layers.Conv(3, 3), layers.Conv(3, 4, stride=2), layers.Conv(3, 2, 3, valid=True)]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=str)
def test_conv_by_loops(layer: layers.Conv) -> None:
    rng, k, s = np.random.default_rng(1), layer.kernel, layer.stride
    x, w, b = rng.normal(size=(2, 7, 6, 2)), rng.normal(size=(3, 2, k, k)).astype(np.float32), np.arange(3)
    before = 0 if layer.valid else (k - 1) // 2
    y = of_one(layer, x, weight=w, bias=b)
    assert y.shape[1:3] == ((2, 2) if layer.valid else ((7 - 1) // s + 1, (6 - 1) // s + 1))
    for n, r, c, f in np.ndindex(y.shape):
        total = b[f]
        for i, j in np.ndindex(k, k):
            row, column = r * s + i - before, c * s + j - before
            if 0 <= row < 7 and 0 <= column < 6:
                total = total + x[n, row, column] @ w[f, :, i, j]
        assert y[n, r, c, f] == pytest.approx(total)


def test_pools_by_hand() -> None:
    """The last row and column, which fill no window, are dropped."""
    x = np.arange(15.0).reshape(1, 3, 5, 1)
    assert of_one(layers.MaxPool(2), x).tolist() == [[[[6], [8]]]]
    assert of_one(layers.AvgPool(2), x).tolist() == [[[[3], [5]]]]
    assert of_one(layers.GlobalAvgPool(), x).tolist() == [[7]]


def test_norms_by_hand() -> None:
    x = np.array([[1.0, 2], [3, 8]])
    tensors = {"weight": [2, 3], "bias": [0.5, 0], "running_mean": [1, 0], "running_var": [4, 1]}
    found = of_one(layers.BatchNorm(), x, **tensors)
    np.testing.assert_allclose(found, [[0.5, 6], [2.5, 24]], rtol=1e-5)
    found = of_one(layers.LayerNorm(), x, weight=[2, 3], bias=[0.5, 0])
    np.testing.assert_allclose(found, [[-1.5, 3], [-1.5, 3]], rtol=1e-4)


def test_patches_by_hand() -> None:
    """Patches in row order; of a patch row, column, channel."""
    x = np.arange(16.0).reshape(1, 4, 2, 2)
    weight = np.eye(8)
    found = of_one(layers.Patches(2, 8), x, weight=weight, bias=np.zeros(8))
    assert found.tolist() == [[list(range(8)), list(range(8, 16))]]
    tokens = of_one(layers.Position("learned"), np.ones((1, 2, 2)), table=[[0, 1], [2, 3]])
    assert tokens.tolist() == [[[1, 2], [3, 4]]] and of_one(layers.Mean(), tokens).tolist() == [[2, 3]]


def test_attention_by_hand() -> None:
    """Each token looks at itself as the keys say; a head has columns of its own."""
    x, eye = np.array([[[1.0, 0], [0, 2]]]), np.eye(2)
    zero, tensors = np.zeros(2), {}
    for part in ("query", "key", "value", "output"):
        tensors |= {f"{part}.weight": 2 * eye if part == "output" else eye, f"{part}.bias": zero}
    e = np.exp(np.array([[1, 0], [0, 4]]) / math.sqrt(2))
    weights = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(of_one(layers.Attention(1, True), x, **tensors)[0], weights @ x[0] * 2, rtol=1e-6)
    tensors = {name: value for name, value in tensors.items() if "output" not in name}
    e = np.exp([[1, 0], [0, 0]]), np.exp([[0, 0], [0, 4]])  # of the first column, of the second
    weights = np.array([part / part.sum(axis=1, keepdims=True) for part in e])
    expected = np.stack([weights[head] @ x[0, :, head] for head in range(2)], axis=1)
    np.testing.assert_allclose(of_one(layers.Attention(2), x, **tensors)[0], expected, rtol=1e-6)


def test_residual_and_dropout_by_hand() -> None:
    x = np.array([[-1.0, 2]])
    assert of_one(layers.Residual((layers.Dropout(0.5), layers.Relu())), x).tolist() == [[-1, 4]]


def test_activations_by_hand() -> None:
    x = np.array([[-1000.0, -1, 0, 2]])
    phi = [(1 + math.erf(v / math.sqrt(2))) / 2 for v in x[0]]
    for layer, expected in {
        layers.Relu(): [0, 0, 0, 2],
        layers.LeakyRelu(): [-10, -0.01, 0, 2],
        layers.Sigmoid(): [0, 1 / (1 + math.e), 0.5, 1 / (1 + math.exp(-2))],
        layers.Tanh(): [-1, math.tanh(-1), 0, math.tanh(2)],
        layers.Gelu(): x[0] * phi,
    }.items():
        np.testing.assert_allclose(of_one(layer, x)[0], expected, rtol=1e-12, atol=1e-12)


def test_tensors_count_through_the_chain() -> None:
    block = layers.Residual((layers.Dense(3), layers.BatchNorm(), layers.Dense(4)))
    network = Model(input=(5,), layers=(layers.Dense(4), block, layers.BatchNorm(), layers.Dense(2)))
    names = ["dense1", "dense2", "batch_norm1", "dense3", "batch_norm2", "dense4"]
    assert list(dict.fromkeys(name.split(".")[0] for name in network.shapes)) == names
    assert list(network.shapes)[4:8] == [
        f"batch_norm1.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    ]
    assert network.shapes["dense3.weight"] == (3, 4) and network.classes == 2
    assert network.parameters == 24 + 15 + 6 + 16 + 8 + 10  # running means and variances are not trained


def test_probabilities_of_batches_and_of_none() -> None:
    model = load_model(GOLDEN / "attention.bin")
    x = np.random.default_rng(1).random((7, model.inputs))
    whole = probabilities(model, x)
    np.testing.assert_allclose(probabilities(model, x, batch=3), whole, atol=1e-12)
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-12)
    assert probabilities(model, x[:0]).shape == (0, 3)


def test_attention_rows_sum_to_one_in_every_layer() -> None:
    model = random_model(OTHER_NETWORKS["transformer"])
    x = np.random.default_rng(1).random((2, *model.shape))
    inputs = inputs_of(model.steps, x)
    maps = [s.layer.weights(tokens, s) for s, tokens in inputs if isinstance(s.layer, layers.Attention)]
    assert [each.shape for each in maps] == [(2, 3, 6, 6)] * 2
    np.testing.assert_allclose(np.sum(maps, axis=4), 1, atol=1e-12)
    assert not np.allclose(maps[0], maps[1]) and not np.allclose(maps[0][:, 0], maps[0][:, 1])


def test_softmax_of_large_values() -> None:
    assert softmax(np.array([1e4, 1e4, -1e4])).tolist() == [0.5, 0.5, 0]
