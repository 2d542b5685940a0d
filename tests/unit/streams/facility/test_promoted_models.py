"""How a worker gets at promoted models: which can be used, which are refused, and what an outage does."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.model_files import default_model
from connectors.wire.codec import encode
from connectors.wire.message import Incoming
from models.errors import FatalError, RetryableError
from models.images.camera_stage import CameraStage
from models.messages import ModelFiles, ModelRole
from streams.facility.announcements import _files
from streams.facility.promoted_models import PromotedModels
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from tests.support.manual_clock import ManualClock
from tests.unit.streams.test_watch_pipeline import CAMERA

NEW = replace(default_model(), seeds={})
FILES = _files(NEW)


class Topic:
    """The topic of models; away for some looks."""

    def __init__(self) -> None:
        self.messages: list[Incoming] = []
        self.away = 0
        self.looks = 0

    def put(self, name: str, files: dict[str, bytes] | None, role: ModelRole = ModelRole.PRODUCTION) -> None:
        encoded = encode(ModelFiles(model=name, files=files or {"model.json": b""}, role=role))
        self.messages.append(
            Incoming(
                topic="models",
                partition=0,
                offset=len(self.messages),
                key=name.encode(),
                value=None if files is None else encoded.value,
                headers=encoded.headers,
            )
        )

    def read(self, topics: Iterable[str]) -> Iterator[Incoming]:
        assert list(topics) == ["models"]
        self.looks += 1
        if self.looks <= self.away:
            raise RetryableError("Kafka does not answer", reason="kafka_away")
        yield from self.messages

    def close(self) -> None:
        pass


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def metrics() -> WatchMetrics:
    return WatchMetrics(ManualClock())


@pytest.fixture
def models(topic: Topic, told: list[str], metrics: WatchMetrics) -> PromotedModels:
    return PromotedModels(
        load_settings(None),
        default_model(),
        open_reader=lambda: topic,
        clock=ManualClock(),
        metrics=metrics,
        tell=told.append,
    )


def test_a_shadow_is_not_the_latest_model_and_scores_all_it_is_given(topic: Topic, told: list[str]) -> None:
    settings = load_settings(None, camera={"score_every": 4})
    models = PromotedModels(
        settings,
        default_model(),
        open_reader=lambda: topic,
        clock=ManualClock(),
        metrics=WatchMetrics(ManualClock()),
        tell=told.append,
    )
    topic.put(NEW.name, FILES, ModelRole.SHADOW)
    assert models.latest() == ""
    beside, in_use = models.shadow_stages_of(NEW.name), models.stages_of(NEW.name)
    assert beside is not None
    assert in_use is not None
    assert models.shadow_stages_of(NEW.name) is beside
    scored = []
    for make in (beside, in_use):
        stage = make(CAMERA)
        assert isinstance(stage, CameraStage)
        scored.append(stage._settings.score_every)
    assert scored == [1, 4]
    assert models.shadow_stages_of("ae-unheard-of") is None
    assert told[-1].endswith("the shadow before it goes on, if there is one")


def test_a_promoted_model_is_loaded_once(models: PromotedModels, topic: Topic) -> None:
    topic.put(NEW.name, {"model.json": b"an earlier one, written badly"})
    topic.put(NEW.name, FILES)
    make = models.stages_of(NEW.name)
    assert make is not None
    stage = make(CAMERA)
    assert isinstance(stage, CameraStage)
    assert stage.model == NEW.name
    assert models.stages_of(NEW.name) is make
    assert topic.looks == 1


def test_its_own_and_the_shipped_model_need_no_topic(models: PromotedModels, topic: Topic) -> None:
    assert models.stages_of(default_model().name) is not None
    assert topic.looks == 0


def _other_network(topic: Topic) -> None:
    topic.put(NEW.name, FILES | {"model.onnx": FILES["model.onnx"] + b"\0"})


def _removed(topic: Topic) -> None:
    topic.put(NEW.name, FILES)
    topic.put(NEW.name, None)


def _no_bytes(topic: Topic) -> None:
    topic.put(NEW.name, FILES)
    topic.messages[-1] = replace(topic.messages[-1], value=b"no files")


def _another(topic: Topic) -> None:
    topic.put(NEW.name, _files(default_model()))


@pytest.mark.parametrize(
    ("damage", "reason", "said"),
    [
        (lambda _: None, "model_missing", "hpls.models does not hold it; promote it again"),
        (_removed, "model_missing", "does not hold it"),
        (_other_network, "model_hash", "is not the file that"),
        (_another, "model_hash", f"its files are those of {default_model().name}"),
        (_no_bytes, "model_damaged", "its files can't be used"),
    ],
)
def test_what_can_not_be_used_is_told_and_counted_once_and_tried_again(
    models: PromotedModels,
    topic: Topic,
    told: list[str],
    metrics: WatchMetrics,
    damage: Callable[[Topic], None],
    reason: str,
    said: str,
) -> None:
    damage(topic)
    for _ in range(2):
        assert models.stages_of(NEW.name) is None
    assert len(told) == 1
    assert said in told[0]
    assert f"model {NEW.name} can't be used: " in told[0]
    assert metrics.registry.get_sample_value("petawatch_models_refused_total", {"reason": reason}) == 1
    topic.put(NEW.name, FILES)
    assert models.stages_of(NEW.name) is not None


def test_an_outage_is_waited_out_and_refuses_no_model(models: PromotedModels, topic: Topic, told: list[str]) -> None:
    topic.put(NEW.name, FILES)
    topic.away = 5
    assert models.stages_of(NEW.name) is not None
    assert told == ["the promoted models wait: Kafka does not answer"]


def test_an_outage_that_lasts_ends_the_worker_before_the_watchdog_does(topic: Topic, told: list[str]) -> None:
    clock, settings = ManualClock(), load_settings(None)
    models = PromotedModels(
        settings,
        default_model(),
        open_reader=lambda: topic,
        clock=clock,
        metrics=WatchMetrics(clock),
        tell=told.append,
    )
    topic.away, begun_s = 1 << 30, clock.monotonic_s()
    with pytest.raises(FatalError, match="can't be read: Kafka does not answer") as raised:
        models.stages_of(NEW.name)
    assert raised.value.reason == "models_unread"
    assert clock.monotonic_s() - begun_s < settings.worker.stuck_after_s * 0.6


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE])
def test_a_computer_without_room_refuses_no_model(
    models: PromotedModels,
    topic: Topic,
    told: list[str],
    metrics: WatchMetrics,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    topic.put(NEW.name, FILES)
    name = {errno.ENOSPC: "write_bytes", errno.EMFILE: "open"}[code]
    works, failures = getattr(Path, name), iter(range(3))

    def fail(path: Path, *arguments: Any, **options: Any) -> Any:
        writes = name == "open" and (arguments or ("r",))[0] != "rb"
        if writes or "petawatch-model-" not in str(path) or next(failures, None) is None:
            return works(path, *arguments, **options)
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, name, fail)
    assert models.stages_of(NEW.name) is not None
    assert len(told) == 1
    assert os.strerror(code) in told[0]
    assert metrics.registry.get_sample_value("petawatch_models_refused_total", {"reason": "model_damaged"}) is None


def test_no_room_that_lasts_ends_the_worker_and_refuses_no_model(
    models: PromotedModels, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic.put(NEW.name, FILES)

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(FatalError, match="No space left on device") as raised:
        models.stages_of(NEW.name)
    assert raised.value.reason == "models_unread"


def test_the_latest_is_the_one_that_was_written_last(models: PromotedModels, topic: Topic) -> None:
    assert models.latest() == ""
    for name in ("ae-1", "ae-2", "ae-1"):
        topic.put(name, FILES)
    topic.put("ae-3", None)
    assert models.latest() == "ae-1"
