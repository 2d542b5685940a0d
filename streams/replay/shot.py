"""An alert's shot: its page, made of the evidence that is kept, or of the archived file through the pipeline."""

from pathlib import Path

from connectors.state.database import DATABASE_NAME
from connectors.state.reader import StateReader
from models.alerts.alert import Alert, AlertKind
from models.errors import FatalError, PetawatchError
from models.event_time import MINUTE_NS
from streams.replay.comparison import FoundAlert
from streams.replay.replay import Replays
from streams.replay.results import replay_stretch
from streams.replay.shown_shot import ShotEvidence, kept_evidence, page_of_shot


def make_shot_page(replays: Replays, alert_id: str) -> str:
    """The page of an alert's shot, as HTML.

    Parameters
    ----------
    alert_id
        The alert's id, or as much of its beginning as tells it from all others.

    Raises
    ------
    FatalError
        ``alert_missing`` when no such alert is known.
    """
    alert, links = _found_alert(replays.state_dir, alert_id)
    evidence = kept_evidence(replays.state_dir, links) or _replayed(replays, alert)
    return page_of_shot(alert, evidence, replays)


def _found_alert(state_dir: Path, beginning: str) -> FoundAlert:
    found: list[FoundAlert] = []
    if (state_dir / DATABASE_NAME).is_file():
        with StateReader.open(state_dir) as reader:
            ids = set(reader.alert_ids(beginning))
            found = [(alert, links) for alert, links in reader.alerts() if alert.id in ids]
    if len(found) != 1:
        what = "no alert has" if not found else f"{len(found)} alerts have"
        raise FatalError(
            f"{what} an id that begins with {beginning!r}; petawatch alerts lists them", reason="alert_missing"
        )
    return found[0]


def _replayed(replays: Replays, alert: Alert) -> ShotEvidence:
    """What the pipeline makes of the archived files of the episode, which gives the same alert again."""
    if alert.kind is not AlertKind.IMAGE_ANOMALY:
        return ShotEvidence(None, alert.first_shot_ns, "no image was found odd: there is no reconstruction to be shown")
    try:
        plan = replays.plan(alert.first_shot_ns, min(alert.last_shot_ns + 1, alert.first_shot_ns + MINUTE_NS))
        results = replay_stretch(replays, plan, other_model="", into=None)
    except PetawatchError as error:
        return ShotEvidence(None, alert.first_shot_ns, f"the evidence is not kept, and can't be made anew: {error}")
    for found, links in results.alerts:
        if found.id == alert.id:
            kept = kept_evidence(results.directories[0], links)
            if kept is not None:
                note = kept.note.replace("the evidence of the watch", "a replay of the archived files")
                return ShotEvidence(kept.png, kept.event_time_ns, note)
    return ShotEvidence(
        None, alert.first_shot_ns, "the evidence is not kept, and a replay does not give the alert again"
    )
