"""Two models' findings side by side, as small cases of frames and alerts."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.images.shadow_comparison import REMEMBERED_ALERTS, ShadowComparison, ShadowCounts
from tests.support.beam_camera import CAMERA

Steps = list[tuple[str, int, int]]


def event(change: AlertChange, first: int, last: int, kind: AlertKind = AlertKind.IMAGE_ANOMALY) -> AlertEvent:
    alert = Alert(
        id=f"alert-{first}",
        kind=kind,
        severity=Severity.LOW,
        status=AlertStatus.CLOSED if change is AlertChange.CLOSED else AlertStatus.OPEN,
        stage=CAMERA.stage,
        device=CAMERA.name,
        first_shot_ns=first,
        last_shot_ns=last,
        shots=1,
        score=6.0,
        reasons=(),
        model="m",
        source=AlertSource(file="", sha256="", path=""),
    )
    return AlertEvent(change=change, alert=alert)


def opened(first: int, last: int) -> AlertEvent:
    return event(AlertChange.OPENED, first, last)


def closed(first: int, last: int) -> AlertEvent:
    return event(AlertChange.CLOSED, first, last)


def times(start: int, stop: int) -> NDArray[np.int64]:
    return np.arange(start, stop, dtype=np.int64)


def test_frames_are_counted_by_who_finds_them_odd() -> None:
    comparison = ShadowComparison("production")
    production = np.array([True, True, False, False, False])
    shadow = np.array([True, False, True, True, False])
    new = comparison.add_frames(times(10, 15), production, shadow)
    assert new == comparison.counts == ShadowCounts(frames=5, odd_both=1, odd_production=1, odd_shadow=2)
    comparison.add_frames(times(20, 22), np.zeros(2, np.bool_), np.zeros(2, np.bool_))
    assert comparison.add_frames(times(0, 0), np.zeros(0, np.bool_), np.zeros(0, np.bool_)) == ShadowCounts()
    assert (comparison.counts.frames, comparison.first_ns, comparison.last_ns) == (7, 10, 21)


@pytest.mark.parametrize(
    ("production", "shadow", "shared"),
    [
        pytest.param([opened(5, 5), closed(5, 9)], [opened(5, 6), closed(5, 6)], (1, 1), id="the same shot"),
        pytest.param([opened(5, 5), closed(5, 5)], [opened(6, 6), closed(6, 9)], (0, 0), id="the next shot"),
        pytest.param([opened(5, 5), closed(5, 9)], [opened(9, 9)], (1, 1), id="the last shot"),
        pytest.param([opened(5, 5), closed(5, 9)], [opened(8, 12)], (1, 1), id="opened after the other's last shot"),
        pytest.param([opened(5, 5)], [opened(1, 2), closed(1, 2)], (0, 0), id="long before"),
        pytest.param(
            [opened(5, 5), closed(5, 60)],
            [opened(6, 6), closed(6, 7), opened(50, 50), closed(50, 51)],
            (1, 2),
            id="one during two",
        ),
        pytest.param([opened(100, 100)], [opened(100, 100)], (0, 0), id="not by a frame that both scored"),
    ],
)
@pytest.mark.parametrize("one_by_one", [False, True])
def test_alerts_share_a_moment_or_not(
    production: list[AlertEvent], shadow: list[AlertEvent], shared: tuple[int, int], *, one_by_one: bool
) -> None:
    comparison, seen = ShadowComparison("production"), times(0, 90)
    if one_by_one:
        for number in range(max(len(production), len(shadow))):
            comparison.add_alerts(seen, production[number : number + 1], shadow[number : number + 1])
    else:
        comparison.add_alerts(seen, production, shadow)
    found = comparison.counts
    assert (found.alerts_shared, found.alerts_of_shadow_shared) == shared
    counted = sum(step.change is AlertChange.OPENED and step.alert.last_shot_ns < 90 for step in production)
    assert found.alerts_production == counted


def test_only_image_alerts_are_compared() -> None:
    comparison = ShadowComparison("production")
    stuck = event(AlertChange.OPENED, 5, 5, AlertKind.STUCK_FRAME)
    assert not comparison.add_alerts(times(0, 10), [stuck], [stuck])


def test_what_is_remembered_is_bounded_and_what_was_counted_stays() -> None:
    comparison = ShadowComparison("production")
    for first in range(0, 100 * 500, 100):
        comparison.add_alerts(times(first, first + 100), [opened(first, first), closed(first, first)], [])
    assert comparison.counts.alerts_production == 500
    assert len(comparison.alerts_production) == REMEMBERED_ALERTS
    assert comparison.alerts_production[-1].id == "alert-49900"


def test_it_goes_on_from_its_state() -> None:
    comparison = ShadowComparison("production")
    comparison.add_frames(times(0, 9), np.ones(9, np.bool_), np.zeros(9, np.bool_))
    comparison.add_alerts(times(0, 9), [opened(3, 5)], [])
    again = ShadowComparison.from_state(json.loads(json.dumps(comparison.state())))
    for each in (comparison, again):
        each.add_alerts(times(9, 12), [closed(3, 10)], [opened(10, 11)])
    assert again.state() == comparison.state()
    assert again.counts.alerts_shared == 1
