"""Records are sorted into shots by their times alone."""

import numpy as np
import pytest

from models.triplets.shots import cluster_shots

JITTER = 5


@pytest.mark.parametrize(
    ("times", "starts", "shots", "taken"),
    [
        # Nobody has anything.
        ([[], []], [], [[], []], [[], []]),
        # Identical times.
        ([[0, 100], [0, 100]], [0, 100], [[0, 1], [0, 1]], [[1, 1], [1, 1]]),
        # The jitter is inside, one more is not.
        ([[0], [5]], [0], [[0], [0]], [[1], [1]]),
        ([[0], [6]], [0, 6], [[0], [1]], [[1], [1]]),
        # A chain is cut from its beginning on: 0..5, 6..11, 12.
        ([[0, 6, 12], [3, 9]], [0, 6, 12], [[0, 1, 2], [0, 1]], [[1, 1, 1], [1, 1]]),
        # Behind a chain regular shots are untouched.
        ([[0, 8, 100], [4, 104]], [0, 8, 100], [[0, 1, 2], [0, 2]], [[1, 1, 1], [1, 1]]),
        # The earliest of a device's records is taken.
        ([[0, 2, 4], [3]], [0], [[0, 0, 0], [0]], [[1, 0, 0], [1]]),
        ([[2], [0, 1]], [0], [[0], [0, 0]], [[1], [1, 0]]),
    ],
)
def test_clusters(times: list[list[int]], starts: list[int], shots: list[list[int]], taken: list[list[int]]) -> None:
    clusters = cluster_shots([np.array(own, np.int64) for own in times], JITTER)
    assert clusters.start_ns.tolist() == starts
    assert [own.tolist() for own in clusters.shot] == shots
    assert [own.astype(int).tolist() for own in clusters.taken] == taken
    present = [[any(s == shot for s in own) for own in shots] for shot in range(len(starts))]
    assert clusters.present.tolist() == present
