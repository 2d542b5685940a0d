"""A folder of results belongs to one replay, which goes on as it was begun."""

import re
from pathlib import Path

import pytest

from models.errors import FatalError
from streams.replay.mark import ReplayMark, claim

ALONE, ON_KAFKA = ReplayMark(replay="0123"), ReplayMark(replay="0123", topics="hpls-replay-0123456789ab")


def test_a_folder_is_taken_once(tmp_path: Path) -> None:
    assert claim(tmp_path / "new", ON_KAFKA) == ON_KAFKA
    assert claim(tmp_path / "new", ON_KAFKA) == ON_KAFKA
    with pytest.raises(FatalError, match="holds something else than this replay"):
        claim(tmp_path / "new", ReplayMark(replay="4567"))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "watch.lock").touch()
    with pytest.raises(FatalError, match="holds something else") as failure:
        claim(tmp_path, ALONE)
    assert failure.value.reason == "replay_other"


@pytest.mark.parametrize(
    ("begun", "other", "how"), [(ALONE, ON_KAFKA, "without --workers"), (ON_KAFKA, ALONE, "with --workers")]
)
def test_a_replay_that_was_cut_off_goes_on_only_as_it_was_begun(
    begun: ReplayMark, other: ReplayMark, how: str, tmp_path: Path
) -> None:
    claim(tmp_path, begun)
    with pytest.raises(FatalError, match=re.escape(f"was begun {how}")):
        claim(tmp_path, other)


def test_finished_results_are_the_same_whoever_asks(tmp_path: Path) -> None:
    claim(tmp_path, ON_KAFKA)
    finished = ReplayMark(replay="0123", finished=True, topics=ON_KAFKA.topics)
    finished.write(tmp_path)
    assert claim(tmp_path, ALONE) == finished


def test_a_mark_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "replay.json").write_text('{"replay": "0123", "finished": true}')
    assert claim(tmp_path, ALONE) == ReplayMark(replay="0123", finished=True)
