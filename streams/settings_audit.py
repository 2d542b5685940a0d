"""Writes down when settings are others than at the last start: of what is odd, who is told, who sees the console."""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.decisions import operating_user
from connectors.control_room.notes import read_note, write_note
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings, all_receivers
from streams.settings import Settings, settings_text

# Nothing secret is among them: they are shown to whoever may read the log.
_SECTIONS = (
    *("budget", "camera", "meter", "spectrometer", "join", "alarms"),
    *("webhooks", "alertmanager", "links", "console", "data_stopped_after_s"),
)
_KEY = "settings"


def note_settings(state: Path, settings: Settings, clock: Clock) -> None:
    """Compare the settings with those of the last start in this state directory; what differs goes into the audit log.

    Raises
    ------
    FatalError, RetryableError
        As ``ControlRoomDatabase``.
    """
    all_values = json.loads(settings_text(settings))
    now = dict(_flat({name: all_values[name] for name in _SECTIONS} | {"receivers": _receivers(settings)}))
    with closing(ControlRoomDatabase.open(state)) as database:
        with database.look() as connection:
            written = read_note(connection, _KEY)
        before = None if written is None else json.loads(written)
        if before == now:
            return
        with database.step() as connection:
            write_note(connection, _KEY, json.dumps(now))
            if before is not None:
                add_entry(
                    connection,
                    at_ns=clock.now_ns(),
                    who=operating_user(),
                    action="change_settings",
                    subject="settings",
                    details={
                        name: {"from": before.get(name), "to": now.get(name)}
                        for name in sorted({*before, *now})
                        if before.get(name) != now.get(name)
                    },
                )


def _receivers(settings: Settings) -> dict[str, Any]:
    """Who is told of what, by name; their addresses hold logins."""
    told: list[ReceiverSettings | MessengerSettings] = [
        *all_receivers(settings.webhook_urls, settings.receivers),
        *settings.messengers,
    ]
    return {one.name: {"events": one.events.value, "minimum_priority": one.minimum_priority.value} for one in told}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Every single value under its whole name; what is no number (not a number, infinite) as text."""
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        else:
            finite = not isinstance(value, float) or abs(value) < float("inf")
            found.append((f"{prefix}{name}", value if finite else str(value)))
    return found
