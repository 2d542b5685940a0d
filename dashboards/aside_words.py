"""What people have put aside, in words: where they work, what is shelved or out of service."""

from collections.abc import Collection, Iterable

from dashboards.words import plain_words
from models.alarms.put_aside import AsideCause, PutAside
from models.alarms.suppression import Suppression
from models.devices import Stage
from models.event_time import format_iso


def aside_words(aside: PutAside, stages: Iterable[Stage], maintenance: Collection[Suppression]) -> str:
    """What of an incident is put aside: how, until when, by whom.

    Parameters
    ----------
    stages
        Those of the incident.
    maintenance
        Where people work.
    """
    if aside.cause is AsideCause.MAINTENANCE:
        named = {str(stage) for stage in stages}
        words = next((brief_maintenance_words(each) for each in maintenance if each.stage in named), "maintenance")
    else:
        words = f"{plain_words(aside.cause)}{_until(aside.until_ns)}, by {aside.by}"
    return words if aside.is_whole else f"in part {words}"


def brief_maintenance_words(found: Suppression) -> str:
    """Until when a stage is under maintenance, and by whom."""
    return f"maintenance{_until(found.until_ns)}, by {found.by}"


def _until(until_ns: int | None) -> str:
    return "" if until_ns is None else f" until {format_iso(until_ns)[:16].replace('T', ' ')} UTC"
