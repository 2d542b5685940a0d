"""The shadow is found, loaded and tested beside the work; one that does not fit is told once."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.model_files import default_model, end_shadow, install_shadow
from models.images.camera_stage import CameraStage
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from streams.shadow_model import ShadowChange, ShadowModel
from tests.support.beam_camera import CAMERA
from tests.support.manual_clock import ManualClock

SHIPPED = default_model()
FIRST, SECOND = replace(SHIPPED, seeds={}), replace(SHIPPED, seeds={"latent": SHIPPED.seeds["latent"]})


class Shadowing:
    """The object under test, with a clock that is moved."""

    def __init__(self, state: Path) -> None:
        self.clock, self.told = ManualClock(), list[str]()
        self.metrics = WatchMetrics(self.clock)
        settings = load_settings(None, camera={"score_every": 3})
        self.model = ShadowModel(state, settings, clock=self.clock, metrics=self.metrics, tell=self.told.append)

    def take_new(self) -> ShadowChange | None:
        """What is there a second later, once it is loaded."""
        self.clock.sleep(1.01)
        change = self.model.take_new()
        until_s = time.monotonic() + 30
        while change is None and self.model._lookout.loading and time.monotonic() < until_s:
            change = self.model.take_new()
        return change

    def shown(self) -> list[str]:
        families = {family.name: family for family in self.metrics.registry.collect()}
        return [sample.labels["model"] for sample in families["petawatch_shadow_model_info"].samples]


def model_of(change: ShadowChange | None) -> str:
    assert change is not None
    assert change.make_stage is not None
    stage = change.make_stage(CAMERA)
    assert isinstance(stage, CameraStage)
    # What the model in use leaves out is not shown to it: of the rest it scores everything.
    assert stage._settings.score_every == 1
    return stage.model


def test_it_comes_changes_and_ends(tmp_path: Path) -> None:
    shadowing = Shadowing(tmp_path)
    assert shadowing.model.first() is None
    assert shadowing.take_new() is None
    install_shadow(tmp_path, FIRST)
    assert model_of(shadowing.take_new()) == FIRST.name
    assert shadowing.shown() == [FIRST.name]
    assert shadowing.take_new() is None
    install_shadow(tmp_path, FIRST)
    assert shadowing.take_new() is None
    install_shadow(tmp_path, SECOND)
    assert model_of(shadowing.take_new()) == SECOND.name
    end_shadow(tmp_path)
    assert shadowing.take_new() == ShadowChange(None)
    assert shadowing.shown() == []
    assert [SECOND.name in sentence for sentence in shadowing.told] == [False, True, True]
    shadowing.model.close()


@pytest.mark.parametrize("at_start", [True, False])
def test_one_that_was_tampered_with_is_told_once_and_the_one_before_goes_on(tmp_path: Path, *, at_start: bool) -> None:
    if not at_start:
        install_shadow(tmp_path, FIRST)
        shadowing = Shadowing(tmp_path)
        assert shadowing.model.first() is not None
    folder = install_shadow(tmp_path, SECOND)
    (folder / "model.onnx").write_bytes(SECOND.onnx + b"\0")
    if at_start:
        shadowing = Shadowing(tmp_path)
        assert shadowing.model.first() is None
    for _ in range(3):
        assert shadowing.take_new() is None
    [sentence] = shadowing.told
    assert ("goes on without a shadow" if at_start else f"the shadow {FIRST.name} goes on") in sentence
    registry = shadowing.metrics.registry
    assert registry.get_sample_value("petawatch_models_refused_total", {"reason": "model_hash"}) == 1
    assert shadowing.shown() == ([] if at_start else [FIRST.name])
    shadowing.model.close()
