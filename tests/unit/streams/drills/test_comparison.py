"""Two state directories that differ in what operators are told are not the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.explanation import Explanation
from streams.drills.comparison import differences
from tests.unit.connectors.state.examples import CAMERA, alert_event, commit_of, decided, source

EVENT = alert_event()
SAID = EVENT.alert.explanation


def directory(path: Path, explanation: Explanation) -> Path:
    event = replace(EVENT, alert=replace(EVENT.alert, explanation=explanation))
    with StateDirectory.open(path) as state:
        state.commit(commit_of(0))
        state.commit(Commit(alerts=[event]))
    return path


def test_equal_directories_have_no_differences(tmp_path: Path) -> None:
    assert differences(directory(tmp_path / "a", SAID), directory(tmp_path / "b", SAID)) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("explanation", replace(SAID, text="hot spot")),
        ("cause", replace(SAID, cause="dark_spot")),
        ("cause_probability", replace(SAID, cause_probability=SAID.cause_probability - 2**-53)),
    ],
)
def test_an_explanation_that_differs_is_told_to_the_last_bit(tmp_path: Path, name: str, found: Explanation) -> None:
    (sentence,) = differences(directory(tmp_path / "a", found), directory(tmp_path / "b", SAID))
    assert sentence.startswith(f"alert {EVENT.alert.id}: {name} ")
    assert sentence.count(" instead of ") == 1


def test_rows_that_differ_are_told(tmp_path: Path) -> None:
    first = commit_of(0)
    other = decided(CAMERA, len(first.decided[0]), of=source("file0"), seed=99)
    for name, commit in (("a", first), ("b", replace(first, decided=[other, *first.decided[1:]]))):
        with StateDirectory.open(tmp_path / name) as state:
            state.commit(commit)
    (sentence,) = differences(tmp_path / "a", tmp_path / "b")
    assert sentence.startswith("shots: ")
    assert sentence.count(" instead of ") == 1
