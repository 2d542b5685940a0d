"""Two models over the same shots."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.alerts.alert import Alert
from models.devices import parse_device
from models.event_time import SECOND_NS
from models.records import SourceReference
from models.replay_comparison import camera_difference, shared_episodes
from models.results import FEATURE_NAMES, ScoredBlock, Scoring
from tests.unit.connectors.state.examples import alert_event

CAMERA = "LA_A3_31-Camera_1-Camera-1"


def episode(name: str, first_s: int, last_s: int, **changes: Any) -> Alert:
    alert = alert_event().alert
    return replace(alert, id=name, first_shot_ns=first_s * SECOND_NS, last_shot_ns=last_s * SECOND_NS, **changes)


def block(model: str, times: list[int], scores: list[float], **changes: Any) -> ScoredBlock:
    device, n = parse_device(CAMERA), len(times)
    values: dict[str, Any] = {
        "device": device,
        "source": SourceReference(file="f", sha256="0"),
        "event_time_ns": np.array(times, np.int64),
        "state": np.zeros(n, np.uint8),
        "refusal": np.zeros(n, np.uint8),
        "admission": np.zeros(n, np.uint8),
        "fires": np.ones(n, np.bool_),
        "scoring": np.full(n, Scoring.SCORED, np.uint8),
        "score": np.array(scores, np.float32),
        "anomalous": np.array(scores) > 3,
        "reasons": np.zeros(n, np.uint32),
        "features": np.zeros((n, len(FEATURE_NAMES[device.kind]))),
        "interval_hz": 10.0,
        "model": model,
    }
    return ScoredBlock(**values | changes)


def test_episodes_that_share_a_shot_are_the_same() -> None:
    first = [episode("a", 0, 10), episode("b", 20, 30), episode("c", 40, 50)]
    second = [episode("d", 10, 12), episode("e", 21, 22), episode("f", 29, 33), episode("g", 51, 60)]
    first_only, second_only, both = shared_episodes(first, second)
    assert [alert.id for alert in first_only] == ["c"]
    assert [alert.id for alert in second_only] == ["g"]
    assert [(pair.first.id, pair.second.id) for pair in both] == [("a", "d"), ("b", "e"), ("b", "f")]


def test_another_place_is_another_episode() -> None:
    first_only, second_only, both = shared_episodes([episode("a", 0, 9)], [episode("b", 0, 9, device="another")])
    assert (len(first_only), len(second_only), both) == (1, 1, ())


def test_scores_are_compared_where_both_models_have_scored() -> None:
    first = [block("A", [1, 2, 3, 4, 5, 6], [0.5, 1.0, 4.0, 5.0, 6.0, 0.0])]
    second = [
        block("A", [1, 2], [9.0, 9.0]),  # the second model has not learned yet
        block("B", [3, 4, 5], [4.5, 1.0, 6.0]),
        block("B", [6, 7], [0.0, 0.0], scoring=np.array([Scoring.DARK, Scoring.SCORED], np.uint8)),
    ]
    found = camera_difference(CAMERA, first, second, "B")
    assert (found.shots, found.since_ns) == (3, 3)
    assert found.quantiles[0] == -4.0
    assert found.quantiles[2] == 0.0
    assert found.quantiles[-1] == 0.5
    assert (found.odd_both, found.odd_first, found.odd_second) == (2, 1, 0)
    assert [(shot.event_time_ns, shot.first, shot.second) for shot in found.worst][:2] == [(4, 5.0, 1.0), (3, 4.0, 4.5)]


def test_a_model_that_has_not_learned_is_not_compared() -> None:
    found = camera_difference(CAMERA, [block("A", [1], [2.0])], [block("A", [1], [2.0])], "B")
    assert (found.shots, found.since_ns, found.quantiles, found.worst) == (0, None, (), ())
    assert camera_difference(CAMERA, [], [], "B").shots == 0
