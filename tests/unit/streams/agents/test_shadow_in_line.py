"""A shadow beside a partition's cameras: results are those without it, and its state is in the checkpoints."""

from collections.abc import Iterable

import pytest

from models.errors import RecordError
from models.images.shadow_comparison import ShadowCounts
from models.messages import ModelPromotion, RecordMessage, ShadowPromotion
from models.state import State, decode_state
from streams.agents.device_task import DeviceTask
from streams.agents.shadow_in_line import SHADOW_KEY
from streams.device_stages import device_key
from tests.support.beam_camera import CAMERA, beam_frames, dark_frames, with_hot_spot
from tests.unit.streams.agents.partition_messages import Partition
from tests.unit.streams.agents.test_model_in_use import Models, made, records

FRAMES = beam_frames(700)
for odd in range(600, 640):
    FRAMES[odd] = with_hot_spot(FRAMES[odd])
#: As blocks of one file; the shadow begins to learn behind the second.
BLOCKS = [records(dark_frames(60), 0)] + [
    records(FRAMES[first : first + 100], 60 + first, first_record=60 + first) for first in range(0, 700, 100)
]
TOLD_BEFORE = 3


class Signs:
    """What a task hands out beside its messages."""

    def __init__(self) -> None:
        self.counts = ShadowCounts()
        self.shadows: list[str] = []
        self.told: list[str] = []

    def count(self, counts: ShadowCounts) -> None:
        self.counts += counts


def task_with(models: Models | None, signs: Signs) -> DeviceTask:
    return DeviceTask(
        made("first"),
        model="first",
        promoted=models,
        compared=signs.count,
        shadow_is=signs.shadows.append,
        tell=signs.told.append,
    )


def shadow(model: str) -> ShadowPromotion:
    return ShadowPromotion(model=model, at_ns=1)


def with_shadow(blocks: Iterable[RecordMessage] = BLOCKS) -> list[RecordMessage | ShadowPromotion]:
    messages: list[RecordMessage | ShadowPromotion] = list(blocks)
    messages.insert(TOLD_BEFORE, shadow("beside"))
    return messages


def found_at_camera(states: dict[str, bytes]) -> State:
    found: State = decode_state(states[device_key(CAMERA)])["stage"]["shadow"]
    return found


def test_a_restart_from_any_checkpoint_goes_on_and_results_are_those_without_it() -> None:
    signs, without = Signs(), Signs()
    partition, task, alone = Partition("images"), task_with(Models("beside"), signs), task_with(Models(), without)
    states: dict[str, bytes] = {}
    for message in partition.messages(*with_shadow()):
        assert task.process(message) == alone.process(message)
        states |= task.take_changed()
        task = task_with(Models("beside"), signs)
        task.restore(states)
    straight = task_with(Models("beside"), Signs())
    for message in Partition("images").messages(*with_shadow()):
        straight.process(message)
    assert straight.take_changed() == states
    found = found_at_camera(states)
    assert found["learned"]
    assert found["counts"] == signs.counts.to_json()
    assert signs.counts.frames > 100
    assert signs.counts.odd_both > 0
    assert set(signs.shadows) == {"beside"}
    assert not without.counts
    assert "the shadow before" not in "".join(signs.told)


def test_it_ends_by_word_and_when_it_comes_into_use() -> None:
    for end in (shadow(""), ModelPromotion(model="beside", at_ns=1)):
        signs = Signs()
        partition, task = Partition("images"), task_with(Models("beside"), signs)
        for message in partition.messages(*with_shadow(), shadow("unheard-of")):
            task.process(message)
        before = task.take_changed()
        assert decode_state(before[SHADOW_KEY]) == {"name": "beside"}
        assert task.process(partition.message(end)) == []
        states = task.take_changed()
        assert decode_state(states[SHADOW_KEY]) == {"name": ""}
        # What it found stays.
        assert found_at_camera(states) == {
            name: value for name, value in found_at_camera(before).items() if name != "stage"
        }
        assert signs.shadows == ["beside", ""]
        assert signs.told[-1] == "model beside is the shadow no more"
        task.process(partition.message(shadow("")))
        assert task.take_changed() == {}


def test_one_that_is_gone_has_ended_and_where_no_model_is_promoted_its_word_is_refused() -> None:
    partition, task = Partition("images"), task_with(Models("beside"), Signs())
    for message in partition.messages(*with_shadow()):
        task.process(message)
    states = task.take_changed()
    signs = Signs()
    other = task_with(Models(), signs)
    other.restore(states)
    assert decode_state(other.take_changed()[SHADOW_KEY]) == {"name": ""}
    assert signs.shadows == []
    with pytest.raises(RecordError, match="holds no records") as raised:
        task_with(None, Signs()).process(Partition("energies").message(shadow("beside")))
    assert raised.value.reason == "wrong_type"
