"""Starts replays for operators, unless it is plain at once that one can't work."""

from connectors.model_files import kept_names, no_such_model
from models.errors import RecordError
from models.event_time import format_iso
from streams.console.parts import ConsoleParts
from streams.console.replays.known_snapshots import known_snapshots
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun


def begin_replay(console: ConsoleParts, question: ReplayQuestion, *, by: str) -> ReplayRun:
    """Begin a replay, or let it wait its turn.

    Raises
    ------
    RecordError
        ``replay_model``: there is no model of this name; ``replay_stretch``: no snapshot of it is known, although all
        that know of any could be asked.
    PetawatchError
        As ``ReplayRunner.start``.
    """
    question.check()
    if question.model and question.model not in kept_names(console.state):
        raise RecordError(no_such_model(console.state, question.model), reason="replay_model")
    snapshots, troubles = known_snapshots(console, question.from_ns, question.to_ns)
    if not snapshots and not troubles:
        raise RecordError(
            f"no snapshot between {format_iso(question.from_ns)} and {format_iso(question.to_ns)} is known; the page "
            "of replays shows hour by hour what there is",
            reason="replay_stretch",
        )
    return console.replays.start(question, by=by)
