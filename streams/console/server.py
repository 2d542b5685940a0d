"""Serves the console: its address, its parts, and the server that runs until it is told to stop."""

import signal
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import uvicorn

from connectors.clock import Clock
from connectors.state.database import missing_state
from connectors.state.reader import StateReader
from models.errors import FatalError, PetawatchError
from streams.console.access.access import Access
from streams.console.app import create_app
from streams.console.events import EventHub
from streams.console.listening import listening
from streams.console.parts import ConsoleParts, make_parts
from streams.console.prompt_connection import PromptConnection
from streams.console.rendering import prepare_templates
from streams.console.settings import ConsoleSettings
from streams.history.known_devices import known_devices
from streams.http_address import host_and_port, parse_http_address
from streams.settings import Settings

# Of all browsers together; each holds one for the live events.
_MOST_CONNECTIONS = 512
_KEEP_ALIVE_S = 30
#: So long answers that are being given may take when it is told to stop.
_SHUTDOWN_S = 2


def serve_console(
    state: Path,
    settings: Settings,
    http: str,
    *,
    clock: Clock,
    tell: Callable[[str], None],
    config: Path | None = None,
    open_to_everyone: bool = False,
) -> None:
    """Serve until the process is told to stop (SIGTERM, SIGINT).

    Parameters
    ----------
    http
        ``HOST:PORT``.
    tell
        Gets the address that it listens on, and what has to be mended.
    config
        The file of the settings, for processes of its own.
    open_to_everyone
        Whoever has not signed in sees everything.

    Raises
    ------
    FatalError
        With one sentence when the address is none, is not of this computer, or taken; when others reach it and nobody
        can sign in; when there is something wrong with its certificate; when there is no such directory. One without
        a state is fine: the watch may be started later.
    """
    host, port = parse_http_address(http)
    missing = missing_state(state)
    if missing is not None and not state.is_dir():
        raise missing
    access = Access(state, host, settings.console, clock, open_to_everyone=open_to_everyone)
    parts = make_parts(state, settings, clock, access, config)
    with closing(parts), listening(host, port) as listener:
        bound = int(listener.getsockname()[1])
        serving = uvicorn.Config(
            create_app(parts, host=host, port=bound),
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.console.proxies),
            forwarded_allow_ips=list(settings.console.proxies),
            ssl_certfile=settings.console.certificate_file,
            ssl_keyfile=settings.console.key_file,
            http=PromptConnection,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        _load_certificate(serving, settings.console)
        _warm_up(parts)
        address = f"{'https' if serving.is_ssl else 'http'}://{host_and_port(host, bound)}"
        tell(f"the console listens at {address}{_openness(access)}")
        # The server ends in order, and then sends itself the signal again that told it to.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        parts.hub.start(tell)
        _Server(serving, parts.hub).run([listener])


def _openness(access: Access) -> str:
    if not access.is_open:
        return ""
    return (
        " and has no users: whoever asks it from this computer is an operator, also through a proxy like nginx or a "
        "tunnel; petawatch users add makes users"
    )


class _Server(uvicorn.Server):
    """Ends what goes on and on before it waits for what is being answered."""

    def __init__(self, serving: uvicorn.Config, hub: EventHub) -> None:
        super().__init__(serving)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._hub.end_all("the console ends")
        await super().shutdown(sockets)


def _warm_up(parts: ConsoleParts) -> None:
    """What the first request would wait for; what fails here is told to whoever asks for it."""
    prepare_templates()
    parts.alert_pages.keep_warm()
    with suppress(PetawatchError):
        parts.control_room.incidents(limit=1)
    with suppress(PetawatchError), StateReader.open(parts.state) as reader:
        known_devices(reader)


def _load_certificate(serving: uvicorn.Config, settings: ConsoleSettings) -> None:
    """Read the settings of the server, its certificate and key among them."""
    try:
        serving.load()
    except OSError as error:  # ssl.SSLError is one
        what = error.strerror or error
        raise FatalError(
            f"the console can't take {settings.certificate_file} and {settings.key_file} ({what}); give a certificate "
            "and its key as PEM files that this user may read",
            reason="certificate",
        ) from error
