"""Which model a partition is scored by, from which message on, and what of it is in its checkpoints."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.device_stage import DeviceStage, StageFactory
from models.devices import Device
from models.errors import RecordError
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import ImageScoreSettings
from models.messages import ModelPromotion, RecordMessage, ScoredMessage, ShadowPromotion
from models.state import decode_state, encode_state
from streams.agents.device_task import DeviceTask
from streams.agents.model_in_use import MODEL_KEY
from streams.agents.shadow_in_line import SHADOW_KEY
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames
from tests.unit.streams.agents.partition_messages import MOMENT, Partition, contents

SETTINGS = CameraSettings(scores=ImageScoreSettings(learning_frames=228))


class Models:
    """Those that were promoted, by their names."""

    def __init__(self, *names: str, latest: str = "") -> None:
        self.names = set(names)
        self._latest = latest
        self.asked: list[str] = []

    def stages_of(self, model: str) -> StageFactory | None:
        self.asked.append(model)
        return made(model) if model in self.names else None

    def shadow_stages_of(self, model: str) -> StageFactory | None:
        return self.stages_of(model)

    def latest(self) -> str:
        return self._latest


def made(model: str) -> StageFactory:
    def make(_: Device) -> DeviceStage:
        return CameraStage(CAMERA, SETTINGS, ProjectionNetwork(model), {})

    return make


def task_with(models: Models | None) -> DeviceTask:
    return DeviceTask(made("first"), model="first", promoted=models)


def word(model: str) -> ModelPromotion:
    return ModelPromotion(model=model, at_ns=1)


def test_a_promoted_model_is_in_the_checkpoint_and_is_gone_on_with() -> None:
    partition, models = Partition("images"), Models("new")
    task = task_with(models)
    assert task.standing.model == "first"
    for _ in range(2):
        assert task.process(partition.message(word("new"))) == []
    assert task.standing.model == "new"
    assert models.asked == ["new"]
    states = task.take_changed()
    assert list(states) == [MODEL_KEY]
    assert task.take_changed() == {}
    other = task_with(Models("new"))
    other.restore(states)
    assert other.standing.model == "new"
    assert other.take_changed() == {}


def test_a_model_that_can_not_be_used_changes_nothing_and_going_back_needs_no_other() -> None:
    partition, models = Partition("images"), Models("new")
    task = task_with(models)
    task.process(partition.message(word("damaged")))
    assert task.standing.model == "first"
    task.process(partition.message(word("new")))
    task.process(partition.message(word("first")))
    assert task.standing.model == "first"
    assert "first" not in models.asked
    assert list(task.take_changed()) == [MODEL_KEY]


def test_a_model_that_one_worker_refused_is_tried_where_the_partition_moves_to() -> None:
    partition, refusing = Partition("images", first=0), task_with(Models("used"))
    frames = beam_frames(300)
    refusing.process(partition.message(word("used")))
    refusing.process(partition.message(records(dark_frames(60), 0)))
    refusing.process(partition.message(records(frames, 60, first_record=60)))
    refusing.process(partition.message(word("new")))
    assert refusing.standing.model == "used"
    states = refusing.take_changed()
    again = task_with(Models("used"))
    again.restore(states)  # still refused
    assert again.standing.model == "used"
    assert again.take_changed() == {}
    other = task_with(Models("used", "new"))
    other.restore(states)
    assert other.standing.model == "new"
    # The camera goes on with its model, while the new one learns beside it.
    assert other._stages.state_of(CAMERA)["scores"]["model"] == "used"
    third = task_with(Models("new"))
    third.restore(states | other.take_changed())
    assert third.standing.model == "new"


class ShadowsOnly(Models):
    """They can be had as shadows, and not as the model in use."""

    def shadow_stages_of(self, model: str) -> StageFactory | None:
        return made(model)


def test_a_shadow_that_was_promoted_is_a_shadow_no_more_also_where_it_can_not_be_used() -> None:
    partition, task = Partition("images"), task_with(ShadowsOnly())
    task.process(partition.message(ShadowPromotion(model="new", at_ns=1)))
    assert SHADOW_KEY in task.take_changed()
    task.process(partition.message(word("new")))
    assert task.standing.model == "first"
    assert decode_state(task.take_changed()[SHADOW_KEY])["name"] == ""


def test_a_model_of_a_checkpoint_that_is_gone_gives_way_to_the_first_until_it_is_there() -> None:
    partition, task = Partition("images"), task_with(Models("new"))
    task.process(partition.message(word("new")))
    states = task.take_changed()
    other = task_with(Models())
    other.restore(states)
    assert other.standing.model == "first"
    again = task_with(Models("new"))
    again.restore(states | other.take_changed())
    assert again.standing.model == "new"
    old = task_with(Models("new"))
    old.restore({MODEL_KEY: encode_state({"name": "new"})})  # as earlier versions have saved it
    assert old.standing.model == "new"


@pytest.mark.parametrize(("first_offset", "expected"), [(0, "first"), (10, "new")])
def test_a_partition_whose_first_messages_are_gone_has_the_latest_model(first_offset: int, expected: str) -> None:
    partition = Partition("images", first=first_offset)
    task = task_with(Models("new", latest="new"))
    task.restore({})
    task.process(partition.message(records(dark_frames(1), 0)))
    assert task.standing.model == expected


def test_where_no_model_is_promoted_its_word_is_refused() -> None:
    with pytest.raises(RecordError, match="holds no records") as raised:
        task_with(None).process(Partition("energies").message(word("new")))
    assert raised.value.reason == "wrong_type"


def records(
    frames: NDArray[np.uint16], first: int, file: str = "a.h5", first_record: int = 0, *, begins_unit: bool = False
) -> RecordMessage:
    block = camera_block(frames, first, file=file)
    return RecordMessage(block=block, block_number=0, first_record=first_record, moment=MOMENT, begins_unit=begins_unit)


@pytest.mark.parametrize(
    "next_unit",
    [{"file": "b.h5"}, {"first_record": 660, "begins_unit": True}],
    ids=["where a file begins", "inside of a large file"],
)
def test_a_camera_changes_where_a_unit_begins_once_the_new_model_has_learned(next_unit: dict[str, Any]) -> None:
    partition, task = Partition("images", first=0), task_with(Models("new"))
    frames = beam_frames(900)

    def models_of(message: RecordMessage) -> set[str]:
        sent = contents(task.process(partition.message(message)))
        return {content.scored.model for content in sent if isinstance(content, ScoredMessage)}

    task.process(partition.message(records(dark_frames(60), 0)))
    task.process(partition.message(records(frames[:300], 60, first_record=60)))
    task.process(partition.message(word("new")))
    assert models_of(records(frames[300:560], 360, first_record=360)) == {"first"}
    assert models_of(records(frames[560:600], 620, first_record=620)) == {"first"}  # inside of the file
    assert models_of(records(frames[600:640], 660, **next_unit)) == {"new"}
