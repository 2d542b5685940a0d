"""The triplet models of a stage: one for each camera and each combination of devices that its shots come with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.devices import Device, RecordKind, Stage
from models.event_time import MINUTE_NS
from models.state import State
from models.triplets.block_state import decode_device, encode_device
from models.triplets.frontier import NEVER_NS
from models.triplets.join_settings import JoinSettings
from models.triplets.shot_batch import DeviceRows, ShotBatch
from models.triplets.shots import nominal_period_ns
from models.triplets.triplet_model import TripletFindings, TripletModel, camera_part, other_part

# Of each camera so many models are kept; a further combination takes the place of the one that was away for longest.
_MOST_COMBINATIONS = 8
# A combination that was away for longer than both is learned anew. In two minutes a beam's drift is lost in the jitter
# of its energy; where the folder's rate leaves more between two shots than that, some of them may be missing.
_LONGEST_PAUSE_NS, _LONGEST_PAUSE_PERIODS = 2 * MINUTE_NS, 10


@dataclass(slots=True)
class _Kept:
    """A model, and the time of its last shot."""

    model: TripletModel
    last_ns: int = NEVER_NS


class TripletModels:
    """Asks the model that fits about every shot in which a camera and a meter or spectrometer gave a usable record."""

    def __init__(self, stage: Stage, settings: JoinSettings) -> None:
        self._stage = stage
        self._settings = settings
        self._models: dict[tuple[Device, ...], _Kept] = {}
        self._baselines_ns: dict[Device, int] = {}  # from when on what a device shows is its accepted reference

    def observe(self, batch: ShotBatch, *, learn: bool) -> Iterator[tuple[int, NDArray[np.intp], TripletFindings]]:
        """Shots in the order of their event times, camera by camera; none where ``triplet_fpr`` is 0.

        Yields
        ------
        tuple
            The camera's place in ``batch.rows``, the shots, and what was found about them.
        """
        if not self._settings.triplet_fpr:
            return
        others = [
            _PerShot(batch, rows)
            for rows in batch.rows
            if rows.awaited and rows.device.kind in (RecordKind.ENERGY_METER, RecordKind.SPECTROMETER)
        ]
        for place, rows in enumerate(batch.rows):
            if rows.awaited and rows.device.kind is RecordKind.CAMERA:
                camera = _PerShot(batch, rows)
                for shots, present in _runs(batch.start_ns, camera, others):
                    findings = self._observe_run(batch, shots, [camera, *present], learn=learn)
                    if findings is not None:
                        yield place, shots, findings

    def accept_baseline(self, device: Device, from_ns: int) -> None:
        """What the device shows from this time on is its reference: whatever it takes part in is learned anew."""
        self._baselines_ns[device] = max(from_ns, self._baselines_ns.get(device, from_ns))
        for devices, kept in self._models.items():
            if device in devices:
                kept.model.begin_anew_from(from_ns)

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "models": [
                {"devices": [encode_device(device) for device in devices], "last_ns": kept.last_ns}
                | {"model": kept.model.state()}
                for devices, kept in sorted(self._models.items(), key=lambda item: item[0])
            ],
            "baselines_ns": [[encode_device(device), ns] for device, ns in sorted(self._baselines_ns.items())],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        saved = state.get("baselines_ns", [])
        self._baselines_ns = {decode_device(device, self._stage): int(from_ns) for device, from_ns in saved}
        self._models.clear()
        for entry in state["models"]:
            devices = tuple(decode_device(device, self._stage) for device in entry["devices"])
            kept = self._models[devices] = _Kept(self._new(devices), int(entry["last_ns"]))
            kept.model.restore(entry["model"])

    def _observe_run(
        self, batch: ShotBatch, shots: NDArray[np.intp], present: "list[_PerShot]", *, learn: bool
    ) -> TripletFindings | None:
        """Consecutive shots of one combination; None for one that is not known and not to be learned."""
        devices = tuple(own.device for own in present)
        kept = self._models.get(devices)
        if kept is None:
            if not learn:
                return None
            self._make_room(devices[0])
            kept = self._models[devices] = _Kept(self._new(devices))
            for device in self._baselines_ns.keys() & set(devices):
                kept.model.begin_anew_from(self._baselines_ns[device])
        times = batch.start_ns[shots]
        if learn:
            if int(times[0]) - kept.last_ns > present[0].longest_pause_ns[shots[0]]:
                kept.model.begin_anew()
            kept.last_ns = int(times[-1])
        vectors = np.concatenate([own.part[shots] for own in present], axis=1)
        normal = np.logical_and.reduce([own.normal[shots] for own in present])
        return kept.model.observe(vectors, normal, times, learn=learn)

    def _new(self, devices: tuple[Device, ...]) -> TripletModel:
        settings = self._settings
        return TripletModel(
            devices,
            time_constant_shots=settings.triplet_time_constant_shots,
            false_positive_rate=settings.triplet_fpr,
            relearn_after_shots=settings.triplet_relearn_after_shots,
            tail=settings.tail,
        )

    def _make_room(self, camera: Device) -> None:
        own = sorted((kept.last_ns, devices) for devices, kept in self._models.items() if devices[0] == camera)
        if len(own) >= _MOST_COMBINATIONS:
            del self._models[own[0][1]]


class _PerShot:
    """What one device says of each shot of a batch.

    Attributes
    ----------
    part
        float64, shape (shots, components); NaN where the device gave nothing usable.
    usable, normal
        bool, shape (shots,): there is a usable record; the device does not find it anomalous.
    longest_pause_ns
        int64, shape (shots,): by how much the shot may come behind the one before that it is compared with.
    """

    __slots__ = ("device", "longest_pause_ns", "normal", "part", "usable")

    def __init__(self, batch: ShotBatch, rows: DeviceRows) -> None:
        self.device = rows.device
        of_rows = (camera_part if rows.device.kind is RecordKind.CAMERA else other_part)(rows.features)
        known = rows.fires & np.isfinite(of_rows).all(axis=1)
        self.part = np.full((len(batch), of_rows.shape[1]), np.nan)
        self.usable, self.normal = np.zeros(len(batch), np.bool_), np.zeros(len(batch), np.bool_)
        shots = rows.shot[known]
        self.part[shots] = of_rows[known]
        self.usable[shots] = True
        self.normal[shots] = ~rows.anomalous[known]
        self.longest_pause_ns = np.full(len(batch), _LONGEST_PAUSE_NS)
        start = 0
        for part in rows.parts:
            pause_ns = _LONGEST_PAUSE_PERIODS * nominal_period_ns(part.interval_hz)
            self.longest_pause_ns[rows.shot[start : start + len(part)]] = max(_LONGEST_PAUSE_NS, pause_ns)
            start += len(part)


def _runs(
    start_ns: NDArray[np.int64], camera: _PerShot, others: list[_PerShot]
) -> Iterator[tuple[NDArray[np.intp], list[_PerShot]]]:
    """The camera's shots that come with something else, cut where the combination changes and where a pause is long."""
    if not others:
        return
    usable = np.stack([own.usable for own in others], axis=1)
    shots = np.flatnonzero(camera.usable & usable.any(axis=1))
    if not len(shots):
        return
    changes = (usable[shots[1:]] != usable[shots[:-1]]).any(axis=1)
    changes |= np.diff(start_ns[shots]) > camera.longest_pause_ns[shots[1:]]
    for run in np.split(shots, np.flatnonzero(changes) + 1):
        yield run, [own for own, is_there in zip(others, usable[run[0]].tolist(), strict=True) if is_there]
