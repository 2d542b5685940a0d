"""How close normal shots come to opening an episode: the largest values of its two rules in blocks of shots."""

import itertools

import numpy as np
from numpy.typing import NDArray

from models.state import State

#: Shots of a block. Odd normal shots come together, within seconds; blocks are far less alike than shots.
BLOCK_SHOTS = 32
_RULES = 2


class RuleMaxima:
    """Block by block, the score at which each rule of an episode would just have opened one.

    For one strong shot that is the largest score. For m weak shots among w it is the largest m-th score of any w
    consecutive shots: that takes in how shots follow each other, whatever their dependence.

    Only normal shots count, and a window does not reach over others. How the shots are cut changes nothing.

    Parameters
    ----------
    weak_shots, weak_window_shots
        m and w.
    most_blocks
        How many blocks are kept, the latest ones.
    """

    def __init__(self, weak_shots: int, weak_window_shots: int, most_blocks: int) -> None:
        self._weak_shots, self._window_shots = weak_shots, weak_window_shots
        self._most = most_blocks
        self._begin()

    def _begin(self) -> None:
        self._before = np.zeros(0, np.float32)  # the scores that the next shot's window reaches back to
        self._ring = np.zeros((_RULES, self._most), np.float32)
        self._blocks = 0
        self._block = np.zeros(_RULES, np.float32)  # the maxima of the one that goes on
        self._in_block = 0

    @property
    def shots(self) -> int:
        """Normal shots seen so far."""
        return self._blocks * BLOCK_SHOTS + self._in_block

    @property
    def blocks(self) -> int:
        """Blocks kept."""
        return min(self._blocks, self._most)

    @property
    def strong(self) -> NDArray[np.float32]:
        """The largest score of each block kept, float32, shape (blocks,), in no order."""
        return self._ring[0, : self.blocks]

    @property
    def weak(self) -> NDArray[np.float32]:
        """The largest m-th score of w shots in each block kept, float32, shape (blocks,), in no order."""
        return self._ring[1, : self.blocks]

    def learn(self, scores: NDArray[np.floating], normal: NDArray[np.bool_]) -> None:
        """Look at n further shots.

        Parameters
        ----------
        scores
            Shape (n,): -log10 of the tail probability, at least 0. A shot without a finite one is not normal.
        normal
            bool, shape (n,).
        """
        scores = np.asarray(scores, np.float32)
        normal = normal & np.isfinite(scores)
        edges = [0, *(np.flatnonzero(np.diff(normal)) + 1).tolist(), len(scores)]
        for start, stop in itertools.pairwise(edges):
            if start == stop:  # no shots at all
                continue
            if normal[start]:
                self._learn_run(scores[start:stop])
            else:
                self._before = self._before[:0]

    def _learn_run(self, scores: NDArray[np.float32]) -> None:
        rules = np.stack([scores, self._weak_scores(scores)])
        done = 0
        while done < len(scores):
            part = rules[:, done : done + BLOCK_SHOTS - self._in_block]
            self._block = np.maximum(self._block, part.max(axis=1))
            self._in_block += part.shape[1]
            done += part.shape[1]
            if self._in_block == BLOCK_SHOTS:
                self._ring[:, self._blocks % self._most] = self._block
                self._blocks += 1
                self._block, self._in_block = np.zeros(_RULES, np.float32), 0

    def _weak_scores(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """For each shot the weak score with which it would be the last of enough; 0 where too few came before."""
        reach = self._window_shots - 1
        series = np.concatenate([np.zeros(reach - len(self._before), np.float32), self._before, scores])
        self._before = series[len(series) - reach :].copy()
        if self._weak_shots == 1:
            return scores
        windows = np.lib.stride_tricks.sliding_window_view(series, reach)[:-1]
        others = self._weak_shots - 1
        return np.minimum(scores, np.partition(windows, reach - others, axis=1)[:, reach - others])

    def state(self) -> State:
        """All that later results depend on: 64 kB when the ring is full."""
        return {
            "rule": [self._weak_shots, self._window_shots, self._most],
            "before": self._before.copy(),
            "ring": self._ring[:, : self.blocks].copy(),
            "blocks": self._blocks,
            "block": self._block.copy(),
            "in_block": self._in_block,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; from one of another rule or length, anew."""
        self._begin()
        if list(state["rule"]) != [self._weak_shots, self._window_shots, self._most]:
            return
        self._before = np.array(state["before"], np.float32)
        self._blocks, self._in_block = int(state["blocks"]), int(state["in_block"])
        self._ring[:, : self.blocks] = state["ring"]
        self._block = np.array(state["block"], np.float32)
