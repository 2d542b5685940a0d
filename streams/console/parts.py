"""What the console's pages work with: made once, by whoever starts it, and reached through the request."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from connectors.clock import Clock
from connectors.control_room.rooms import ControlRooms
from connectors.live_board import BOARD_NAME, LiveBoardReader
from streams.alert_pages.pages import AlertPages
from streams.console.access.access import Access
from streams.console.api_work import ApiWork
from streams.console.events import EventHub
from streams.console.replays.runner import ReplayRunner
from streams.console.setting_sources import SettingSources
from streams.control_rooms import control_rooms
from streams.history.series import SeriesHistory
from streams.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """Everything that pages and the API ask.

    Attributes
    ----------
    state
        The state directory of the watch or of the recorder's worker; there may be nothing in it yet.
    access
        Who may ask.
    replays
        What operators replay.
    board
        What the watch worked on last.
    control_room
        Incidents, alarms, the audit log; also those of the keeper of the tapes.
    hub
        Tells browsers what is new.
    api_work
        The threads of the API.
    alert_pages
        The shots around those of alerts, read by a process with limits.
    history
        Series of what was recorded, as far as they were asked for.
    setting_sources
        Where the values of the settings come from.
    config
        The file of the settings; None without one.
    """

    state: Path
    settings: Settings
    clock: Clock
    access: Access
    replays: ReplayRunner
    board: LiveBoardReader
    control_room: ControlRooms
    hub: EventHub
    api_work: ApiWork
    alert_pages: AlertPages
    history: SeriesHistory
    setting_sources: SettingSources
    config: Path | None = None

    def close(self) -> None:
        """End what goes on, and let everything go."""
        self.hub.close()
        self.replays.close()
        self.alert_pages.close()
        self.board.close()


def make_parts(
    state: Path, settings: Settings, clock: Clock, access: Access, config: Path | None = None
) -> ConsoleParts:
    """All of them for one console; the hub looks after changes once it is started."""
    board = LiveBoardReader(state / BOARD_NAME)
    control_room = control_rooms(state, settings)
    made = ConsoleParts(
        state=state,
        settings=settings,
        clock=clock,
        access=access,
        replays=ReplayRunner(state, config, clock),
        board=board,
        control_room=control_room,
        hub=EventHub(state, board, control_room, clock),
        api_work=ApiWork(),
        alert_pages=AlertPages(state, settings),
        history=SeriesHistory(state),
        setting_sources=SettingSources(config, settings),
        config=config,
    )
    made.hub.look_after("replays", made.replays.changes())
    return made


def parts(request: Request) -> ConsoleParts:
    """Those of the console that answers this request."""
    found: ConsoleParts = request.app.state.parts
    return found
