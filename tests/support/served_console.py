"""A console that real browsers ask, served by a thread of the tests."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from connectors.clock import Clock, SystemClock
from streams.console.access.access import Access
from streams.console.app import create_app
from streams.console.listening import listening
from streams.console.parts import make_parts
from streams.settings import load_settings
from tests.support.consoles import QUICK_PASSWORDS
from tests.support.watching import wait_until

_HOST = "127.0.0.1"


@contextmanager
def served_console(
    state: Path, *, config: Path | None = None, clock: Clock | None = None, **options: Any
) -> Iterator[str]:
    """Its address, while the block runs; ``options`` are settings beside those of the file ``config``."""
    settings, clock = load_settings(config, **options), clock or SystemClock()
    access = Access(state, _HOST, settings.console, clock, passwords=QUICK_PASSWORDS)
    with closing(make_parts(state, settings, clock, access, config)) as parts, listening(_HOST, 0) as listener:
        port = int(listener.getsockname()[1])
        server_config = uvicorn.Config(
            create_app(parts, host=_HOST, port=port), log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(server_config)
        thread = threading.Thread(target=server.run, args=([listener],), name="served-console")
        parts.hub.start()
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://{_HOST}:{port}"
        finally:
            parts.hub.end_all("the test ends")
            server.should_exit = True
            thread.join()
