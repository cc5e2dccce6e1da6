"""Where an attention model looks: its own attention for one picture, never an invention.

Letters: N heads, S patches, R x C the grid of patches.
"""

from dataclasses import dataclass

import numpy as np

from models.networks import AttentionPool

INKED = 0.25  # mean ink of a patch that has something to say, of the most inked patch


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
    def most_entropy(self) -> float:
        return float(np.log2(self._patches))

    def of_query(self, row: int, column: int) -> np.ndarray:
        """(N, R, C): what the patch at (row, column) looks at; 1 if at all alike."""
        return self._on_grid(self.weights[:, row * self.grid[1] + column]) * self._patches

    def decided_queries(self, count: int) -> list[tuple[int, int]]:
        """The `count` inked patches with the least entropy, mean of the heads; any, if none is inked."""
        (rows, columns), entropy = self.grid, self.entropy.mean(axis=0)
        ink = self.picture.reshape(rows, -1, columns, self.picture.shape[1] // columns).mean(axis=(1, 3))
        order = np.argsort(np.where(ink >= INKED * ink.max(), entropy, np.inf), axis=None, kind="stable")
        return [divmod(int(patch), columns) for patch in order[:count]]

    @property
    def _patches(self) -> int:
        return self.weights.shape[2]

    def _on_grid(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(len(self.weights), *self.grid)


def attention_maps(model: AttentionPool, picture: np.ndarray) -> AttentionMaps:
    """Of a picture (rows, columns) of the model's size, ink 0 to 1."""
    return AttentionMaps(picture, model.attention(model.tokens(picture.reshape(1, -1)))[0], model.grid)
