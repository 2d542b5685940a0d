"""What is wrong with a control room: what was decided, where its console is to listen, the printer of its reports."""

from collections.abc import Iterator
from pathlib import Path

from connectors.access.passwords import Passwords
from connectors.access.users import Users
from connectors.chromium import find_chromium
from connectors.clock import SystemClock
from connectors.control_room.audit_log import find_breaks
from connectors.control_room.database import DECISIONS_NAME, reading
from connectors.control_room.reader import ControlRoomReader
from models.errors import FatalError, PetawatchError
from streams.archive.places import tape_alerts_place
from streams.console.access.access import is_loopback, require_users
from streams.console.listening import listening
from streams.console.settings import ConsoleSettings
from streams.http_address import parse_http_address
from streams.installation_finding import Finding, found
from streams.settings import Settings

#: The latest entries of the audit log that are looked at: a second or two.
LATEST_ENTRIES = 50_000
_NAMED_BREAKS = 3


def check_control_room(settings: Settings, state: Path | None, console: str | None) -> Iterator[Finding]:
    """Look at it; nothing is written.

    Parameters
    ----------
    console
        ``HOST:PORT`` at which a console is to be started; None: not looked at.
    """
    if state is not None and state.is_dir() and (state / DECISIONS_NAME).exists():
        yield found("decisions", lambda: _decisions(state))
    if state is not None or settings.archive.folder is not None:
        tapes = tape_alerts_place(settings.archive, state or Path())
        if ControlRoomReader(tapes).is_there():
            yield found("tape decisions", lambda: _decisions(tapes))
    if console is not None:
        yield found(f"console {console}", lambda: _console(console, settings.console, state))
    yield _chromium(settings)


def _decisions(state: Path) -> str:
    with reading(state) as connection:
        broken = find_breaks(connection, latest=LATEST_ENTRIES)
    if broken:
        more = f", and {len(broken) - _NAMED_BREAKS} breaks more" if len(broken) > _NAMED_BREAKS else ""
        raise FatalError(
            f"the audit log in {state / DECISIONS_NAME} is not as it was written: "
            f"{'; '.join(broken[:_NAMED_BREAKS])}{more}; find out who writes there, petawatch audit verify names all",
            reason="configuration",
        )
    return (
        f"can be read, and the audit log is as it was written (its latest {LATEST_ENTRIES:,} entries, if it has more)"
    )


def _console(http: str, settings: ConsoleSettings, state: Path | None) -> str:
    host, port = parse_http_address(http)
    listening(host, port).close()
    users = [] if state is None or not state.is_dir() else Users(state, SystemClock(), Passwords()).all()
    if not is_loopback(host) or settings.proxies:
        require_users(users, host)
    if not users:
        return "free, and open to all on this computer until there is a user"
    return f"free, and {len(users)} may sign in" if len(users) > 1 else "free, and one user may sign in"


def _chromium(settings: Settings) -> Finding:
    """Without one reports are HTML, which is no fault; one that is named has to be there."""
    try:
        return Finding("chromium", True, f"{find_chromium(settings.report.chromium)} prints shift reports as PDF")
    except PetawatchError as error:
        return Finding("chromium", not settings.report.chromium, str(error))
