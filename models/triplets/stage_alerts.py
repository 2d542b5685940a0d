"""The alerts that only the join can raise: about a stage's shots, and about devices that leave ON or fall silent."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertEvent, AlertKind, AlertSource
from models.alerts.episodes import CERTAIN, EpisodeTracker
from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.causes.join_words import explain_incomplete, explain_no_beam, explain_silence, explain_state
from models.devices import Device, RecordKind, Stage
from models.event_time import MILLISECOND_NS
from models.records import Refusal
from models.results import Reason
from models.state import State
from models.triplets.block_state import decode_device, encode_device
from models.triplets.join_settings import JoinSettings
from models.triplets.shot_batch import DeviceRows, ShotBatch
from models.triplets.verdict import INCOMPLETE_REASONS, DeviceVerdict, ShotVerdict


class _Silence:
    """The run of firing shots that a device has missed, until it is long enough to be told."""

    __slots__ = ("shots_ns", "source", "told")

    def __init__(self) -> None:
        self.shots_ns: list[int] = []
        self.source: AlertSource | None = None  # of the first of them
        self.told = False


class StageAlerts:
    """Turns verdicts on the shots of one stage into episodes; shots come in the order of their event times."""

    def __init__(self, stage: Stage, settings: JoinSettings, *, silence: bool) -> None:
        self._stage = stage
        self._settings = settings
        self._watch_silence = silence
        self._trackers: dict[tuple[AlertKind, Device | None], EpisodeTracker] = {}
        self._silences: dict[Device, _Silence] = {}

    def observe(self, batch: ShotBatch, verdict: ShotVerdict) -> list[AlertEvent]:
        """What the shots of a batch opened, changed and closed."""
        firing = np.flatnonzero(verdict.firing)
        events: list[AlertEvent] = []
        if len(firing):
            self._observe_stage(batch, verdict, firing, events)
            for rows, device in zip(batch.rows, verdict.devices, strict=True):
                self._observe_device(rows, device, batch, verdict, firing, events)
        if batch.real.any():
            now_ns = int(batch.start_ns[batch.real][-1])
            for key in sorted((key for key, tracker in self._trackers.items() if tracker.is_open), key=_order):
                events += self._trackers[key].advance(now_ns)
        return events

    def finish(self) -> list[AlertEvent]:
        """Close what is open because the input has ended."""
        return [event for key in sorted(self._trackers, key=_order) for event in self._trackers[key].finish()]

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "trackers": [
                {"kind": str(kind), "device": _saved(device), "tracker": self._trackers[kind, device].state()}
                for kind, device in sorted(self._trackers, key=_order)
            ],
            "silences": [
                {
                    "device": encode_device(device),
                    "shots_ns": list(run.shots_ns),
                    "source": None if run.source is None else [run.source.file, run.source.sha256, run.source.path],
                    "told": run.told,
                }
                for device, run in sorted(self._silences.items())
            ],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._trackers.clear()
        self._silences.clear()
        for entry in state["trackers"]:
            device = None if entry["device"] is None else decode_device(entry["device"], self._stage)
            self._tracker(AlertKind(entry["kind"]), device).restore(entry["tracker"])
        for entry in state["silences"]:
            run = self._silences[decode_device(entry["device"], self._stage)] = _Silence()
            run.shots_ns, run.told = list(entry["shots_ns"]), bool(entry["told"])
            if entry["source"] is not None:
                file, sha256, path = entry["source"]
                run.source = AlertSource(file=file, sha256=sha256, path=path)

    def _observe_stage(
        self, batch: ShotBatch, verdict: ShotVerdict, firing: NDArray[np.intp], events: list[AlertEvent]
    ) -> None:
        incomplete, lacks = ~verdict.complete[firing], verdict.reasons[firing] & INCOMPLETE_REASONS
        kind = AlertKind.INCOMPLETE_TRIPLET
        self._feed(kind, None, batch, firing, incomplete, lacks, events, lambda shot: _lacking(batch, verdict, shot))
        # An odd record raises an alert of its own: what follows from it is only a reason.
        odd, score = (verdict.triplet != 0) & ~_told_by_devices(batch), verdict.triplet_score[firing]
        kind, words = AlertKind.TRIPLET_ANOMALY, verdict.triplet_words.__getitem__
        self._feed(kind, None, batch, firing, odd[firing], verdict.triplet[firing], events, words, score)

    def _observe_device(
        self,
        rows: DeviceRows,
        verdict: DeviceVerdict,
        batch: ShotBatch,
        stage: ShotVerdict,
        firing: NDArray[np.intp],
        events: list[AlertEvent],
    ) -> None:
        device, off, dark = rows.device, verdict.off[firing], verdict.dark[firing]
        reason, kind = Reason.STATE_NOT_ON, AlertKind.DEVICE_STATE
        self._feed(kind, device, batch, firing, off, reason, events, lambda shot: _state(rows, shot))
        if device.kind is RecordKind.CAMERA:
            reason, kind = Reason.NO_BEAM, AlertKind.NO_BEAM
            energy_j = stage.energy_j
            self._feed(kind, device, batch, firing, dark, reason, events, lambda shot: explain_no_beam(energy_j[shot]))
        if self._watch_silence:
            self._feed_silence(device, verdict, batch, firing, events)

    def _feed(
        self,
        kind: AlertKind,
        device: Device | None,
        batch: ShotBatch,
        firing: NDArray[np.intp],
        odd: NDArray[np.bool_],
        reasons: NDArray[np.uint32] | Reason,
        events: list[AlertEvent],
        explain: Callable[[int], Explanation],
        score: NDArray[np.float64] | None = None,
    ) -> None:
        """Show a tracker the firing shots; one that has never had anything to see is not made."""
        tracker = self._trackers.get((kind, device))
        if not odd.any() and (tracker is None or (not tracker.is_open and score is None)):
            return
        tracker = tracker or self._tracker(kind, device)
        if score is None:
            score = np.full(len(firing), CERTAIN)
        if isinstance(reasons, Reason):
            reasons = np.full(len(firing), reasons, np.uint32)

        def source(row: int) -> AlertSource:
            shot = int(firing[row])
            for rows in batch.rows:
                place = rows.row_of(shot) if rows.device == device else None
                if place is not None:
                    return rows.source(place)
            return batch.source(shot)

        def words(row: int) -> Explanation:
            return explain(int(firing[row]))

        events += tracker.observe_block(batch.start_ns[firing], score, odd, reasons, source, words)[0]

    def _feed_silence(
        self,
        device: Device,
        verdict: DeviceVerdict,
        batch: ShotBatch,
        firing: NDArray[np.intp],
        events: list[AlertEvent],
    ) -> None:
        """One pass over the shots, and only while the device misses some."""
        run, tracker = self._silences.get(device), self._trackers.get((AlertKind.DEVICE_SILENT, device))
        absent = verdict.absent[firing]
        still_open = tracker is not None and tracker.is_open
        if run is None and not still_open and not absent.any():
            return
        run, told = self._follow(run or _Silence(), batch, firing, absent)
        self._silences.pop(device, None)
        if run.source is not None:
            self._silences[device] = run
        sources = [source for _, source, _ in told if source is not None]
        if still_open or sources:
            tracker = tracker or self._tracker(AlertKind.DEVICE_SILENT, device)
            odd = np.array([source is not None for _, source, _ in told], np.bool_)
            places = np.cumsum(odd) - 1
            events += tracker.observe_block(
                np.array([time_ns for time_ns, _, _ in told], np.int64),
                np.full(len(told), CERTAIN),
                odd,
                np.full(len(told), Reason.SILENT, np.uint32),
                lambda row: sources[places[row]],
                lambda row: told[row][2],
            )[0]

    def _follow(
        self, run: _Silence, batch: ShotBatch, firing: NDArray[np.intp], absent: NDArray[np.bool_]
    ) -> tuple[_Silence, list[tuple[int, AlertSource | None, Explanation]]]:
        """The run behind these shots, and what its tracker is to see: without a source where the device is there."""
        told: list[tuple[int, AlertSource | None, Explanation]] = []
        for shot, is_absent in zip(firing.tolist(), absent.tolist(), strict=True):
            time_ns = int(batch.start_ns[shot])
            if not is_absent:
                run = _Silence()
                told.append((time_ns, None, NO_EXPLANATION))
                continue
            run.source = run.source or batch.source(shot)
            run.shots_ns.append(time_ns)
            if run.told or self._is_silence(run):
                words = explain_silence(len(run.shots_ns), run.shots_ns[-1] - run.shots_ns[0])
                told += [(shot_ns, run.source, words) for shot_ns in run.shots_ns]
                run.shots_ns, run.told = [], True
        return run, told

    def _is_silence(self, run: _Silence) -> bool:
        lasted_ns = run.shots_ns[-1] - run.shots_ns[0]
        return (
            len(run.shots_ns) >= self._settings.silent_after_shots
            and lasted_ns >= self._settings.silent_after_ms * MILLISECOND_NS
        )

    def _tracker(self, kind: AlertKind, device: Device | None) -> EpisodeTracker:
        tracker = self._trackers.get((kind, device))
        if tracker is None:
            own = self._settings
            of_kind = {
                AlertKind.INCOMPLETE_TRIPLET: own.incomplete_episodes,
                AlertKind.TRIPLET_ANOMALY: own.triplet_episodes,
            }
            settings = of_kind.get(kind, own.device_episodes)
            subject, name = (self._stage, "") if device is None else (device, device.name)
            tracker = EpisodeTracker(subject, kind, settings, stage=self._stage, device=name)
            self._trackers[kind, device] = tracker
        return tracker


def _told_by_devices(batch: ShotBatch) -> NDArray[np.bool_]:
    """bool, shape (shots,): whether a device finds its own record of the shot anomalous."""
    told = np.zeros(len(batch), np.bool_)
    for rows in batch.rows:
        told[rows.shot[rows.taken & rows.anomalous]] = True
    return told


def _lacking(batch: ShotBatch, verdict: ShotVerdict, shot: int) -> Explanation:
    """What a shot lacks, and why."""
    lacking = []
    for rows, device in zip(batch.rows, verdict.devices, strict=True):
        if device.missing[shot]:
            row = rows.row_of(shot)
            refusal = None if row is None else Refusal(int(rows.refusal[row]))
            lacking.append((rows.device.kind, rows.device.name, refusal))
    return explain_incomplete(lacking)


def _state(rows: DeviceRows, shot: int) -> Explanation:
    """The state of a device that has left ON."""
    row = rows.row_of(shot)
    return NO_EXPLANATION if row is None else explain_state(int(rows.state[row]))


def _saved(device: Device | None) -> list[str] | None:
    return None if device is None else encode_device(device)


def _order(key: tuple[AlertKind, Device | None]) -> tuple[str, str]:
    return str(key[0]), "" if key[1] is None else key[1].name
