"""Consecutive shots of a stage with the records that belong to them, as arrays."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertSource
from models.devices import Device
from models.records import Refusal
from models.results import FEATURE_NAMES, ScoredBlock


class DeviceRows:
    """The rows of one device in a batch of shots.

    Parameters
    ----------
    parts
        The rows, in the order of their event times.
    shot
        int64, shape (rows,), ascending: the shot of each row, counted in the batch.
    taken
        bool, shape (rows,): the row takes part in its shot; at most one does in each.
    awaited
        Whether the device belongs to the roster.
    """

    def __init__(
        self,
        device: Device,
        parts: list[ScoredBlock],
        shot: NDArray[np.int64],
        taken: NDArray[np.bool_],
        *,
        awaited: bool,
    ) -> None:
        self.device = device
        self.parts = parts
        self.shot = shot
        self.taken = taken
        self.awaited = awaited

    def __len__(self) -> int:
        return len(self.shot)

    @cached_property
    def event_time_ns(self) -> NDArray[np.int64]:
        """int64, shape (rows,)."""
        return self._joined("event_time_ns", np.int64)

    @cached_property
    def refusal(self) -> NDArray[np.uint8]:
        """uint8, shape (rows,): ``Refusal``."""
        return self._joined("refusal", np.uint8)

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """bool, shape (rows,): the row takes part, and nothing was refused."""
        accepted: NDArray[np.bool_] = self.refusal == Refusal.NONE
        return self.taken & accepted

    @cached_property
    def without_light(self) -> NDArray[np.bool_]:
        """bool, shape (rows,): refused for nothing but that there was nothing to measure."""
        dark: NDArray[np.bool_] = (self.refusal == Refusal.NO_ENERGY) | (self.refusal == Refusal.EMPTY_SPECTRUM)
        return dark

    @cached_property
    def fires(self) -> NDArray[np.bool_]:
        """bool, shape (rows,): a valid row that saw the shot."""
        return self._joined("fires", np.bool_) & self.valid

    @cached_property
    def score(self) -> NDArray[np.float32]:
        """float32, shape (rows,)."""
        return self._joined("score", np.float32)

    @cached_property
    def anomalous(self) -> NDArray[np.bool_]:
        """bool, shape (rows,): the device's own verdict."""
        return self._joined("anomalous", np.bool_)

    @cached_property
    def reasons(self) -> NDArray[np.uint32]:
        """uint32, shape (rows,): the device's own reasons."""
        return self._joined("reasons", np.uint32)

    @cached_property
    def state(self) -> NDArray[np.uint8]:
        """uint8, shape (rows,): ``DeviceState``."""
        return self._joined("state", np.uint8)

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """float64, shape (rows, features of the kind)."""
        if not self.parts:
            return np.zeros((0, len(FEATURE_NAMES[self.device.kind])))
        features = [part.features for part in self.parts]
        return features[0] if len(features) == 1 else np.concatenate(features)

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """float64, shape (rows,): the first feature, a camera's sum of pixels or a meter's energy."""
        return np.ascontiguousarray(self.features[:, 0])

    def source(self, row: int) -> AlertSource:
        """Where a row comes from."""
        for part in self.parts:
            if row < len(part):
                path = part.hdf5_group[row] if part.hdf5_group else ""
                return AlertSource(file=part.source.file, sha256=part.source.sha256, path=path)
            row -= len(part)
        raise IndexError("no such row")

    def row_of(self, shot: int) -> int | None:
        """The row that takes part in a shot."""
        row = int(np.searchsorted(self.shot, shot))
        return row if row < len(self.shot) and self.shot[row] == shot and self.taken[row] else None

    def _joined(self, name: str, dtype: type) -> NDArray[Any]:
        arrays = [getattr(part, name) for part in self.parts]
        return arrays[0] if len(arrays) == 1 else np.concatenate([np.zeros(0, dtype), *arrays])


@dataclass(frozen=True, slots=True)
class ShotBatch:
    """Consecutive shots that leave.

    Attributes
    ----------
    start_ns
        int64, shape (shots,), ascending.
    real
        bool, shape (shots,): False for what is no shot but a wild timestamp.
    rows
        The members of the roster, and others that have rows, by name.
    """

    start_ns: NDArray[np.int64]
    real: NDArray[np.bool_]
    rows: list[DeviceRows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.start_ns)

    def source(self, shot: int) -> AlertSource:
        """Where the first record of a shot comes from."""
        for rows in self.rows:
            row = rows.row_of(shot)
            if row is not None:
                return rows.source(row)
        raise IndexError("a shot without records")
