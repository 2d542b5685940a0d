"""What two replays of the same stretch gave, side by side."""

from pathlib import Path

from connectors.alert_documents import alert_document
from connectors.evidence_store import EvidenceLink
from connectors.state.reader import StateReader
from models.alerts.alert import Alert
from models.devices import RecordKind, parse_device
from models.event_time import format_iso, iso_or_none
from models.replay_comparison import QUANTILES, ReplayComparison, camera_difference, shared_episodes

#: An alert with the evidence that is kept of it.
FoundAlert = tuple[Alert, tuple[EvidenceLink, ...]]


def alerts_of_stretch(directory: Path, from_ns: int, to_ns: int) -> list[FoundAlert]:
    """The alerts of a state directory that touch a stretch of event time, by their first shot."""
    with StateReader.open(directory) as reader:
        return [
            (alert, links)
            for alert, links in reader.alerts()
            if alert.first_shot_ns < to_ns and alert.last_shot_ns >= from_ns
        ]


def compare_replays(first: Path, second: Path, from_ns: int, to_ns: int) -> ReplayComparison:
    """Compare the results of two replays of one stretch; their directories bear the names of their models."""
    alerts = [[alert for alert, _ in alerts_of_stretch(each, from_ns, to_ns)] for each in (first, second)]
    first_only, second_only, shared = shared_episodes(alerts[0], alerts[1])
    cameras = []
    with StateReader.open(first) as one, StateReader.open(second) as other:
        for name in one.device_names_between(from_ns, to_ns):
            device = parse_device(name)
            if device.kind is RecordKind.CAMERA:
                blocks = [
                    [decided.scored for decided in reader.rows_between([device], from_ns, to_ns)]
                    for reader in (one, other)
                ]
                cameras.append(camera_difference(name, blocks[0], blocks[1], second.name))
    return ReplayComparison(
        first_model=first.name,
        second_model=second.name,
        first_only=first_only,
        second_only=second_only,
        shared=shared,
        cameras=tuple(cameras),
    )


def comparison_document(comparison: ReplayComparison) -> dict[str, object]:
    """A comparison as JSON values; differences are those of the second model's scores less the first's."""
    return {
        "models": [comparison.first_model, comparison.second_model],
        "first_only": [alert_document(alert) for alert in comparison.first_only],
        "second_only": [alert_document(alert) for alert in comparison.second_only],
        "both": [[alert_document(pair.first), alert_document(pair.second)] for pair in comparison.shared],
        "cameras": [
            {
                "device": camera.device,
                "shots": camera.shots,
                "since": iso_or_none(camera.since_ns),
                "differences": dict(zip(map(str, QUANTILES), camera.quantiles, strict=False)),
                "odd_both": camera.odd_both,
                "odd_first_only": camera.odd_first,
                "odd_second_only": camera.odd_second,
                "worst": [
                    {"shot": format_iso(shot.event_time_ns), "first": shot.first, "second": shot.second}
                    for shot in camera.worst
                ],
            }
            for camera in comparison.cameras
        ],
    }
