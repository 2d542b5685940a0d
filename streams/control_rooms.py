"""The control rooms that belong to a state directory, for whoever shows them or takes operators' steps there."""

from pathlib import Path

from connectors.control_room.rooms import ControlRooms
from streams.archive.places import tape_alerts_place
from streams.settings import Settings


def control_rooms(state: Path, settings: Settings) -> ControlRooms:
    """Its own, and that of the keeper of the tapes, wherever the settings have the archive's folder."""
    return ControlRooms(state, [tape_alerts_place(settings.archive, state)])
