"""A promoted model is found, loaded and tested beside the work; one that does not fit is told once."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.model_files import default_model, install_model, roll_back
from models.device_stage import StageFactory
from models.errors import FatalError
from streams.metrics import WatchMetrics
from streams.promoted_models import PromotedModels
from streams.settings import load_settings
from tests.support.manual_clock import ManualClock

SHIPPED = default_model()
FIRST, SECOND = replace(SHIPPED, seeds={}), replace(SHIPPED, seeds={"latent": SHIPPED.seeds["latent"]})


class Promoting:
    """The object under test, with a clock that is moved."""

    def __init__(self, state: Path) -> None:
        self.clock, self.told = ManualClock(), list[str]()
        self.metrics = WatchMetrics(self.clock)
        self.models = PromotedModels(
            state, load_settings(None), clock=self.clock, metrics=self.metrics, tell=self.told.append
        )

    def take_new(self) -> StageFactory | None:
        """What is there a second later, once it is loaded."""
        self.clock.sleep(1.01)
        made = self.models.take_new()
        until_s = time.monotonic() + 30
        while made is None and self.models._lookout.loading and time.monotonic() < until_s:
            made = self.models.take_new()
        return made

    def refused(self, reason: str) -> float:
        labels = {"reason": reason}
        return self.metrics.registry.get_sample_value("petawatch_models_refused_total", labels) or 0.0

    def shown(self, name: str) -> bool:
        return self.metrics.registry.get_sample_value("petawatch_model_info", {"model": name}) == 1


def none() -> list[str]:
    return []


def test_a_promoted_model_is_taken_once(tmp_path: Path) -> None:
    promoting = Promoting(tmp_path)
    promoting.models.first(none)
    assert promoting.shown(SHIPPED.name)
    assert promoting.take_new() is None
    install_model(tmp_path, FIRST)
    assert promoting.take_new() is not None
    assert promoting.take_new() is None
    assert promoting.shown(FIRST.name)
    assert [FIRST.name in sentence for sentence in promoting.told] == [True]
    roll_back(tmp_path)
    assert promoting.take_new() is not None
    assert promoting.shown(SHIPPED.name)
    promoting.models.close()


def test_it_looks_once_a_second(tmp_path: Path) -> None:
    promoting = Promoting(tmp_path)
    promoting.models.first(none)
    assert promoting.models.take_new() is None
    install_model(tmp_path, FIRST)
    promoting.clock.sleep(0.9)
    assert promoting.models.take_new() is None
    assert not promoting.models._lookout.loading
    assert promoting.take_new() is not None
    promoting.models.close()


def test_a_model_that_was_tampered_with_is_told_once_and_the_old_one_stays(tmp_path: Path) -> None:
    install_model(tmp_path, FIRST)
    promoting = Promoting(tmp_path)
    promoting.models.first(none)
    folder = install_model(tmp_path, SECOND)
    (folder / "model.onnx").write_bytes(SECOND.onnx + b"\0")
    for _ in range(3):
        assert promoting.take_new() is None
    assert promoting.refused("model_hash") == 1
    assert len(promoting.told) == 1
    assert f"goes on with model {FIRST.name}" in promoting.told[0]
    assert promoting.shown(FIRST.name)
    install_model(tmp_path, SECOND)
    assert promoting.take_new() is not None
    promoting.models.close()


def test_after_a_restart_a_model_that_states_belong_to_goes_on_where_the_new_one_can_not_be_used(
    tmp_path: Path,
) -> None:
    install_model(tmp_path, FIRST)
    folder = install_model(tmp_path, SECOND)
    (folder / "model.onnx").unlink()
    promoting = Promoting(tmp_path)
    promoting.models.first(lambda: ["ae-000000000000", FIRST.name])
    assert promoting.shown(FIRST.name)
    assert promoting.refused("model_missing") == 2
    promoting.models.close()


def test_without_any_model_there_is_no_watch(tmp_path: Path) -> None:
    folder = install_model(tmp_path, SECOND)
    (folder / "model.json").unlink()
    promoting = Promoting(tmp_path)
    with pytest.raises(FatalError, match=r"model\.json is missing"):
        promoting.models.first(none)
    promoting.models.close()
