"""What operators said of alerts, as stretches that a training leaves out or puts in."""

from pathlib import Path

from connectors.control_room.decisions import judged_stretches
from models.alerts.verdicts import Verdict
from models.errors import FatalError
from models.training.camera_frames import Stretch


def judged_by_operators(state_dir: Path) -> tuple[list[Stretch], list[Stretch]]:
    """The stretches of devices that were judged true, and those that were judged false; none without a state.

    Raises
    ------
    FatalError, RetryableError
        As ``judged_stretches``.
    """
    try:
        judged = judged_stretches(state_dir)
    except FatalError as error:
        if error.reason != "state_missing":  # no watch has run here yet: nothing can have been judged
            raise
        return [], []
    stretches: dict[Verdict, list[Stretch]] = {verdict: [] for verdict in Verdict}
    for at in judged:
        stretches[at.verdict].append(Stretch(device=at.device, first_ns=at.first_ns, last_ns=at.last_ns))
    return stretches[Verdict.TRUE], stretches[Verdict.FALSE]
