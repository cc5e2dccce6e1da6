"""Where an attention model looks: its own attention for one picture, never an invention.

Letters: N heads, S patches, R x C the grid of patches.
"""

from dataclasses import dataclass

import numpy as np

from models.chain import Step, inputs_of
from models.layers import Attention, Patches
from models.model import Model

NON_EMPTY = 0.25  # mean ink of a patch that has something to say, of the fullest patch


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """softmax(q k^T / sqrt(D / N)) of a picture: (N, S, S), rows are queries and sum to 1."""

    picture: np.ndarray  # (rows, columns), ink 0 to 1
    weights: np.ndarray
    grid: tuple[int, int]

    @property
    def received(self) -> np.ndarray:
        """(N, R, C): how much a patch is looked at, on average over the queries; 1 if all alike."""
        return self._on_grid(self.weights.mean(axis=1)) * self._patches

    @property
    def entropy(self) -> np.ndarray:
        """(N, R, C) bits, for each query: 0 if it looks at one patch, log2(S) if at all alike."""
        logs = np.log2(self.weights, out=np.zeros_like(self.weights), where=self.weights > 0)
        return self._on_grid(-(self.weights * logs).sum(axis=2))

    @property
    def max_entropy(self) -> float:
        return float(np.log2(self._patches))

    def of_query(self, row: int, column: int) -> np.ndarray:
        """(N, R, C): what the patch at (row, column) looks at; 1 if at all alike."""
        return self._on_grid(self.weights[:, row * self.grid[1] + column]) * self._patches

    def decided_queries(self, count: int) -> list[tuple[int, int]]:
        """The `count` non-empty patches with the least entropy, mean of the heads; any, if all are empty."""
        (rows, columns), entropy = self.grid, self.entropy.mean(axis=0)
        bands = np.array_split(self.picture, rows)
        ink = np.array([[cell.mean() for cell in np.array_split(band, columns, axis=1)] for band in bands])
        order = np.argsort(np.where(ink >= NON_EMPTY * ink.max(), entropy, np.inf), axis=None, kind="stable")
        return [divmod(int(patch), columns) for patch in order[:count]]

    @property
    def _patches(self) -> int:
        return self.weights.shape[2]

    def _on_grid(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(len(self.weights), *self.grid)


def attention_maps(model: Model, picture: np.ndarray, number: int = 1) -> AttentionMaps:
    """Of a picture (rows, columns) of the model's size, ink 0 to 1; attention layers count from 1."""
    wanted = attention_layers(model)[number - 1]
    inputs = inputs_of(model.steps, picture.reshape(1, *model.shape))
    tokens = next(x for step, x in inputs if step is wanted)
    return AttentionMaps(picture, wanted.layer.weights(tokens, wanted)[0], patch_grid(model))


def attention_layers(model: Model) -> list[Step]:
    return list(model.find(Attention))


def patch_grid(model: Model) -> tuple[int, int]:
    """Rows and columns of the patches that the tokens are."""
    patches = next(model.find(Patches))
    return patches.layer.grid(patches.takes)
