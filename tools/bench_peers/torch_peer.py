#!/usr/bin/env python3
"""Any network of ours in eager PyTorch: tensors in memory, batches by index_select, no DataLoader.

What was tried before this form was kept (Zen 4, torch 2.15, CPU time or two threads of a busy machine):
- contiguous convolutions take 1.7 to 2 times as long as channels last;
- no faster: SGD's foreach and fused forms, fused Adam, weights held (input, output), bytes converted by batch,
  products and a softmax in place of scaled_dot_product_attention;
- both threads are worth it: the default CNN takes 1.4 times as long on one.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bench_peers import peer
from models import Model, layers
from models.chain import IMAGE, TOKENS, Step

ACTIVATIONS = {
    layers.Relu: nn.ReLU,
    layers.LeakyRelu: nn.LeakyReLU,
    layers.Sigmoid: nn.Sigmoid,
    layers.Tanh: nn.Tanh,
    layers.Gelu: nn.GELU,
}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
Tensors = dict[str, torch.Tensor]


def main() -> None:
    args = peer.parse(__doc__.splitlines()[0])
    torch.set_num_threads(args.threads)
    data = peer.read_mnist(args.data_dir, args.train_limit)
    rng = peer.SimpleRng(args.seed)
    model = build(args.network.steps, peer.initial_weights(args.network, rng))
    model = model.to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[args.optimizer](model.parameters(), lr=args.lr)
    train_x, train_y = shaped(args.network, data.train_x), torch.from_numpy(data.train_y).long()

    def run_epoch(order) -> float:
        total = torch.zeros(())
        for rows in torch.from_numpy(order).split(args.batch_size):
            loss = F.cross_entropy(model(train_x.index_select(0, rows)), train_y.index_select(0, rows))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / len(train_y)

    def test() -> float:
        model.eval()
        with torch.inference_mode():
            x = shaped(args.network, data.test_x)
            guesses = torch.cat([model(part).argmax(1) for part in x.split(1000)])
            return float((guesses == torch.from_numpy(data.test_y)).float().mean())

    version = "PyTorch " + torch.__version__.partition("+")[0]
    peer.train(version, args.epochs, run_epoch, len(train_y), rng, test)


def shaped(network: Model, images: np.ndarray) -> torch.Tensor:
    """Bytes as floats in [0, 1]: pixels in a row, or (N, 1, rows, columns)."""
    size = network.input if len(network.input) == 1 else (1, *network.input)
    return torch.from_numpy(np.multiply(images, np.float32(1 / 255), dtype=np.float32).reshape(-1, *size))


def build(steps: tuple[Step, ...], weights: peer.Weights) -> nn.Sequential:
    """The layers one after another, with these weights; images are (B, C, H, W) here."""
    return nn.Sequential(*(module(step, weights) for step in steps))


def module(step: Step, weights: peer.Weights) -> nn.Module:
    tensors = {end: torch.from_numpy(weights[f"{step.name}.{end}"]) for end in step.layer.tensors(step.takes)}
    kind, channels = len(step.takes), step.takes[-1]
    match step.layer:
        case layers.Conv(filters, kernel, stride):
            before, after = step.layer.padding
            conv = filled(nn.Conv2d(channels, filters, kernel, stride, before), tensors)
            return conv if before == after else nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv)
        case layers.MaxPool(size):
            return nn.MaxPool2d(size)
        case layers.AvgPool(size):
            return nn.AvgPool2d(size)
        case layers.GlobalAvgPool():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case layers.Flatten():
            return nn.Flatten()
        case layers.Dense():
            return nn.Sequential(nn.Flatten(), linear(tensors)) if kind == IMAGE else linear(tensors)
        case layers.Dropout(rate):
            return nn.Dropout(rate)
        case layers.BatchNorm():
            norm = filled((nn.BatchNorm2d if kind == IMAGE else nn.BatchNorm1d)(channels), tensors)
            return Moved(norm, 2, 1) if kind == TOKENS else norm
        case layers.LayerNorm():
            norm = filled(nn.LayerNorm(channels), tensors)
            return Moved(norm, 1, 3) if kind == IMAGE else norm
        case layers.ScaleShift():
            scale = ScaleShift(tensors)
            return Moved(scale, 1, 3) if kind == IMAGE else scale
        case layers.Patches(patch):
            return EmbeddedPatches(patch, tensors)
        case layers.Position():
            return AddedTable(tensors["table"])
        case layers.Attention(heads):
            return SelfAttention(heads, tensors)
        case layers.Mean():
            return MeanOfTokens()
        case layers.Residual():
            return Added(build(step.inner, weights))
    return ACTIVATIONS[type(step.layer)]()


def filled(layer: nn.Module, tensors: Tensors) -> nn.Module:
    layer.load_state_dict(tensors, strict=False)  # batch norm also counts its batches
    return layer


def linear(tensors: Tensors, *parts: str) -> nn.Linear:
    """With weights (in, out); those of several `parts`, such as query, key and value, side by side."""
    weight = torch.cat([tensors[f"{part}weight"] for part in parts or ("",)], dim=1)
    bias = torch.cat([tensors[f"{part}bias"] for part in parts or ("",)])
    return filled(nn.Linear(*weight.shape), {"weight": weight.T, "bias": bias})


class Moved(nn.Module):
    """A layer that takes an axis elsewhere."""

    def __init__(self, layer: nn.Module, axis: int, place: int) -> None:
        super().__init__()
        self.layer, self.axis, self.place = layer, axis, place

    def forward(self, x):
        return self.layer(x.movedim(self.axis, self.place)).movedim(self.place, self.axis)


class ScaleShift(nn.Module):
    """Of the last axis."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(tensors["weight"]), nn.Parameter(tensors["bias"])

    def forward(self, x):
        return x * self.weight + self.bias


class EmbeddedPatches(nn.Module):
    def __init__(self, patch: int, tensors: Tensors) -> None:
        super().__init__()
        self.patch, self.embed = patch, linear(tensors)

    def forward(self, x):  # (B, C, H, W) -> (B, S, D)
        tiles = x.unflatten(3, (-1, self.patch)).unflatten(2, (-1, self.patch))  # (B, C, rows, P, columns, P)
        return self.embed(tiles.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2))


class AddedTable(nn.Module):
    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, x):
        return x + self.table


class SelfAttention(nn.Module):
    def __init__(self, heads: int, tensors: Tensors) -> None:
        super().__init__()
        self.heads, self.qkv = heads, linear(tensors, "query.", "key.", "value.")
        self.output = linear(tensors, "output.") if "output.weight" in tensors else nn.Identity()

    def forward(self, x):  # (B, S, D) -> (B, S, D)
        # (B, S, 3 D) -> 3 of (B, heads, S, D / heads)
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.output(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class MeanOfTokens(nn.Module):
    def forward(self, x):
        return x.mean(dim=1)


class Added(nn.Module):
    """f(x) + x"""

    def __init__(self, f: nn.Module) -> None:
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x) + x


if __name__ == "__main__":
    main()
