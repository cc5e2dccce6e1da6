#!/usr/bin/env python3
"""The MNIST networks in JAX: one jitted epoch (a scan over the batches), data on the device, weights donated.

What was tried before this form was kept (two threads, Zen 4, jax 0.10, CPU time as the machine was not idle):
- bytes on the device take as long as floats and a quarter of the memory (MLP);
- conv as nine shifted views times a (9, 8) matrix takes 0.8 of the time of lax.conv in NCHW; NHWC takes more;
- a max-pool with its own backward takes less than maximum of strided views, reduce_window, reshape and max;
- products over flattened tokens take 0.86 of batched ones; jax.nn.dot_product_attention takes 1.15 of einsum;
- XLA_FLAGS: fast math and 512-bit vectors change nothing, the concurrent scheduler costs a little (MLP,
  attention); oneDNN costs much (MLP), YNN a tenth (attention); none was tried on the CNN.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from bench_peers import machine, peer


def main() -> None:
    args = peer.parse(__doc__.splitlines()[0])
    machine.use_cores(args.threads)  # XLA starts a thread for each core it may use and has no option for it
    data = peer.read_mnist(args.data_dir, args.train_limit)
    program = args.network.program  # of which it is the default network
    forward = {"mnist_mlp": mlp, "mnist_cnn": cnn, "mnist_attention_pool": attention_pool}[program]
    rng = peer.SimpleRng(args.seed)
    weights = jax.tree.map(jnp.array, arranged(peer.initial_weights(args.network, rng)))
    train_x, train_y = jnp.asarray(shaped(program, data.train_x)), jnp.asarray(data.train_y)
    n = len(train_y)

    def loss(w, x, y):  # mean cross-entropy of a batch
        log_p = jax.nn.log_softmax(forward(w, x.astype(jnp.float32) / 255))
        return -jnp.mean(jnp.take_along_axis(log_p, y[:, None], axis=1))

    def step(w, rows, x, y):  # one batch; also returns the sum of its losses
        value, grad = jax.value_and_grad(loss)(w, x[rows], y[rows])
        return jax.tree.map(lambda p, g: p - args.lr * g, w, grad), value * len(rows)

    @partial(jax.jit, donate_argnums=0)
    def epoch(w, order, x, y):
        full = n // args.batch_size * args.batch_size
        batches = order[:full].reshape(-1, args.batch_size)
        w, losses = jax.lax.scan(lambda w, rows: step(w, rows, x, y), w, batches)
        total = losses.sum()
        if full < n:  # the last, smaller batch
            w, rest = step(w, order[full:], x, y)
            total += rest
        return w, total / n

    order = jax.ShapeDtypeStruct((n,), jnp.int32)
    compiled = epoch.lower(weights, order, train_x, train_y).compile()  # compile time is not counted

    def run_epoch(order) -> float:
        nonlocal weights
        weights, value = compiled(weights, order, train_x, train_y)
        return float(value)

    def test() -> float:
        @jax.jit
        def hits(w, x, y):
            return (forward(w, x.astype(jnp.float32) / 255).argmax(1) == y).sum()

        x = shaped(program, data.test_x)
        parts = [hits(weights, x[i : i + 1000], data.test_y[i : i + 1000]) for i in range(0, len(x), 1000)]
        return float(sum(parts)) / len(x)

    peer.train(f"JAX {jax.__version__}", args.epochs, run_epoch, n, rng, test)


def shaped(program: str, images):
    """Images (N, 784) as the program's forward takes them."""
    return peer.patches(images) if program == "mnist_attention_pool" else images


def arranged(weights: peer.Weights) -> peer.Weights:
    """Query, key and value as one; filters as a matrix, and what is dense by (row, column, channel)."""
    if "conv1.weight" in weights:
        weights["conv1.weight"] = weights["conv1.weight"].reshape(8, 9).T
        by_channel = weights["dense1.weight"].reshape(8, 196, 10)
        weights["dense1.weight"] = by_channel.swapaxes(0, 1).reshape(1568, 10)
    for end in ("weight", "bias"):
        parts = [weights.pop(f"attention1.{part}.{end}", None) for part in ("query", "key", "value")]
        if parts[0] is not None:
            weights[f"qkv.{end}"] = np.concatenate(parts, axis=-1)
    return weights


def affine(w, layer, x):
    return x @ w[f"{layer}.weight"] + w[f"{layer}.bias"]


def mlp(w, x):  # (B, 784) -> (B, 10)
    return affine(w, "dense2", jax.nn.relu(affine(w, "dense1", x)))


def cnn(w, x):  # (B, 784) -> (B, 10)
    padded = jnp.pad(x.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    views = [padded[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)]
    conv = affine(w, "conv1", jnp.stack(views, axis=-1).reshape(-1, 9))  # (B*28*28, 8)
    pooled = max_pool(jax.nn.relu(conv).reshape(-1, 28, 28, 8))  # (B, 14, 14, 8)
    return affine(w, "dense1", pooled.reshape(-1, 1568))


def windows(y):  # (B, 28, 28, 8) -> (B, 14, 2, 14, 2, 8)
    return y.reshape(-1, 14, 2, 14, 2, 8)


@jax.custom_vjp
def max_pool(y):
    """2x2 max-pool (B, 28, 28, 8) -> (B, 14, 14, 8); the first of equal values receives the gradient."""
    return windows(y).max(axis=(2, 4))


def max_pool_forward(y):
    best = max_pool(y)
    return best, (y, best)


def max_pool_backward(saved, d_best):
    y, best = saved
    free, parts = jnp.ones(best.shape, bool), []
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        hit = (windows(y)[:, :, i, :, j] == best) & free
        free &= ~hit
        parts.append(jnp.where(hit, d_best, 0))
    rows = [jnp.stack(parts[:2], axis=3), jnp.stack(parts[2:], axis=3)]  # (B, 14, 14, 2, 8) each
    return (jnp.stack(rows, axis=2).reshape(y.shape),)


max_pool.defvjp(max_pool_forward, max_pool_backward)


def attention_pool(w, x):  # (B, 49, 16) -> (B, 10)
    embedded = affine(w, "patches1", x.reshape(-1, 16)).reshape(-1, 49, 64)
    tokens = jax.nn.relu(embedded + w["position1.table"]).reshape(-1, 64)
    q, k, v = jnp.split(affine(w, "qkv", tokens).reshape(-1, 49, 192), 3, axis=-1)
    p = jax.nn.softmax(jnp.einsum("bsd,btd->bst", q, k) / 8, axis=-1)  # 8 = sqrt(64)
    a = jnp.einsum("bst,btd->bsd", p, v).reshape(-1, 64)
    ff = affine(w, "dense2", jax.nn.relu(affine(w, "dense1", a)))
    return affine(w, "dense3", ff.reshape(-1, 49, 64).mean(axis=1))


if __name__ == "__main__":
    main()
