"""What is said of a replay before it runs, and why its results need not be the first ones."""

from dataclasses import replace

from dashboards.replay_table import caveat_sentence, plan_sentences
from models.archive.archived_file import ArchivedFile
from models.event_time import MINUTE_NS, parse_iso
from streams.replay.plan import ReplayPlan
from streams.replay.results import plan_document

_FROM_NS = parse_iso("2022-07-01T09:00")
_STATE = ArchivedFile(
    key="states/s",
    path="states/s",
    root="/",
    sha256="",
    size_bytes=1,
    mtime_ns=0,
    first_ns=_FROM_NS - 20 * MINUTE_NS,
    last_ns=None,
)
_ALIKE = ReplayPlan(
    from_ns=_FROM_NS, to_ns=_FROM_NS + MINUTE_NS, state_file=_STATE, state=None, files=(), changed_settings=()
)


def test_a_replay_from_a_state_is_to_give_the_same() -> None:
    assert caveat_sentence(_ALIKE) == ""
    assert plan_sentences(_ALIKE, ["ae-1"], ["x"])[1:] == [
        "it starts from states/s, 20 minutes before the stretch",
        "x",
    ]


def test_one_without_a_state_or_with_other_settings_says_so_everywhere() -> None:
    for plan, words in [
        (replace(_ALIKE, state_file=None), "it starts without an archived state: all devices learn anew"),
        (replace(_ALIKE, changed_settings=("camera",)), "the settings have changed since (camera)"),
    ]:
        assert caveat_sentence(plan).startswith(words)
        assert plan_sentences(plan, ["ae-1"], ["x"])[-2:] == [caveat_sentence(plan), "x"]
        assert plan_document(plan)["caveat"] == caveat_sentence(plan)
