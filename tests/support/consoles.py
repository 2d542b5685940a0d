"""Consoles that tests call as a browser does, without a server."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from connectors.access.passwords import Passwords
from streams.console.access.access import Access
from streams.console.app import create_app
from streams.console.parts import make_parts
from streams.settings import load_settings
from tests.support.manual_clock import ManualClock

HTML = {"Accept": "text/html"}


#: Passwords of tests need not be dear to guess.
QUICK_PASSWORDS = Passwords(passes=1, memory_kib=8)


def console_client(
    state: Path,
    *,
    host: str = "127.0.0.1",
    open_to_everyone: bool = False,
    clock: ManualClock | None = None,
    **options: Any,
) -> TestClient:
    """A browser at a console of this state directory; ``options`` are settings."""
    clock = clock or ManualClock()
    settings = load_settings(None, **options)
    access = Access(state, host, settings.console, clock, open_to_everyone=open_to_everyone, passwords=QUICK_PASSWORDS)
    app = create_app(make_parts(state, settings, clock, access), host=host)
    return TestClient(app, base_url=f"http://{host}", follow_redirects=False)


@contextmanager
def closed_console(state: Path, **options: Any) -> Iterator[TestClient]:
    """The same for who asks for shots around one: the process that reads them ends with it."""
    client = console_client(state, **options)
    with closing(client.app.state.parts):  # type: ignore[attr-defined]
        yield client
