#!/usr/bin/env python3
"""The MNIST networks in eager PyTorch: tensors in memory, batches by index_select, no DataLoader.

What was tried before this form was kept (two threads, Zen 4, torch 2.15, a busy machine that hides small
differences): SGD's foreach and fused forms and weights held (input, output) for the MLP, bytes converted by
batch, contiguous conv, batched products and scaled_dot_product_attention for the attention. None was seen to
be faster. Both threads are worth it: the CNN takes 1.4 times as long on one.
"""

import numpy as np
import peer
import torch
import torch.nn.functional as F
from torch import nn


def main() -> None:
    args = peer.parse(__doc__.splitlines()[0])
    torch.set_num_threads(args.threads)
    data = peer.read_mnist(args.data_dir)
    rng = peer.SimpleRng(args.seed)
    model = build(args.program, peer.initial_weights(args.program, rng))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    train_x = torch.from_numpy(shaped(args.program, data.train_x))
    train_y = torch.from_numpy(data.train_y).long()

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
        with torch.inference_mode():
            x = torch.from_numpy(shaped(args.program, data.test_x))
            guesses = torch.cat([model(part).argmax(1) for part in x.split(1000)])
            return float((guesses == torch.from_numpy(data.test_y)).float().mean())

    version = "PyTorch " + torch.__version__.partition("+")[0]
    peer.train(version, args.epochs, run_epoch, len(train_y), rng, test)


def shaped(program: str, images):
    """Images as floats in [0, 1], in the shape that the program's model takes."""
    images = np.multiply(images, np.float32(1 / 255), dtype=np.float32)
    if program == "mnist_attention_pool":
        return peer.patches(images)
    return images.reshape(-1, 1, 28, 28) if program == "mnist_cnn" else images


def build(program: str, weights: peer.Weights):
    """The model of a program as an nn.Module that starts from `weights`, which are (input, output)."""

    def linear(w: str, b: str) -> nn.Linear:
        layer = nn.Linear(*weights[w].shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights[w].T.copy()))
            layer.bias.copy_(torch.from_numpy(weights[b]))
        return layer

    class AttentionPool(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pos = nn.Parameter(torch.from_numpy(weights["pos"].copy()))  # (49, 64)
            self.embed, self.qkv = linear("wp", "bp"), linear("wqkv", "bqkv")
            self.ff = nn.Sequential(linear("w1", "b1"), nn.ReLU(), linear("w2", "b2"))
            self.head = linear("wcls", "bcls")

        def forward(self, x):  # (B, 49, 16) -> (B, 10)
            tokens = torch.relu(self.embed(x.view(-1, 16)).view(-1, 49, 64) + self.pos)
            q, k, v = self.qkv(tokens.view(-1, 64)).view(-1, 49, 192).chunk(3, dim=-1)
            p = torch.softmax(torch.bmm(q, k.transpose(1, 2)) / 8, dim=-1)  # 8 = sqrt(64)
            hidden = self.ff(torch.bmm(p, v).view(-1, 64))
            return self.head(hidden.view(-1, 49, 64).mean(dim=1))

    if program == "mnist_attention_pool":
        return AttentionPool()
    if program == "mnist_mlp":
        return nn.Sequential(linear("w1", "b1"), nn.ReLU(), linear("w2", "b2"))
    conv = nn.Conv2d(1, 8, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(weights["conv"].reshape(8, 1, 3, 3)))
        conv.bias.zero_()
    model = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), linear("fc", "fc_b"))
    return model.to(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
