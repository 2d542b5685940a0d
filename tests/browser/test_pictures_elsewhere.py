"""Grafana's dashboards show the console's evidence pictures: a page at another port may, and gets nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, expect

from connectors.evidence_store import EvidenceStore
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import Alert
from tests.support.console_state import evidence_frame
from tests.support.live_console import console_running
from tests.unit.connectors.state.examples import alert_event


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nobody reads it."""


@contextmanager
def shown_elsewhere(folder: Path) -> Iterator[str]:
    """The address, at another port of this computer, at which a folder is shown."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def write_evidence(state: Path) -> Alert:
    """An alert with a picture of its worst shot."""
    event = alert_event()
    with StateDirectory.open(state) as directory:
        directory.commit(
            Commit(alerts=[event], evidence=[EvidenceStore(state).write(evidence_frame(event.alert, "worst"))])
        )
    return event.alert


def test_a_page_at_another_port_shows_evidence_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "elsewhere"
    folder.mkdir()
    alert = write_evidence(state)
    with (
        console_running("console", "--state", state, "--http", "127.0.0.1:0") as console,
        shown_elsewhere(folder) as address,
    ):
        picture = f"{console.url}/api/v1/evidence/{alert.id}/worst"
        (folder / "index.html").write_text(
            f"<img alt=picture src={picture}.png><script src={picture}.npz></script>"
            f"<link rel=stylesheet href={console.url}/static/console.css>"
        )
        page = browser.new_page()
        refused = list[str]()
        page.on("requestfailed", lambda request: refused.append(f"{request.url.rpartition('/')[2]} {request.failure}"))
        page.goto(address)
        expect(page.get_by_alt_text("picture")).to_have_js_property("complete", True)
        assert page.get_by_alt_text("picture").evaluate("image => image.naturalWidth") > 300
        assert sorted(refused) == [
            "console.css net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin",
            "worst.npz net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin",
        ]
        page.close()
