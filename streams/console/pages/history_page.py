"""What the history pages of stages and cameras have in common: the stretch, ways to others, the episodes in it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from connectors.state.reader import StateReader
from dashboards.console.history_view import Chart, marked_episodes
from dashboards.words import link, time_words
from models.alerts.alert import Alert, AlertStatus
from models.errors import PetawatchError
from models.event_time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, format_iso
from streams.console.pages.asked_stretch import AskedStretch, asked_stretch
from streams.console.parts import ConsoleParts
from streams.console.problems import sentence_of
from streams.history.known_devices import latest_minute_end
from streams.history.series import LONGEST_NS

_LENGTHS = (
    ("10 min", 10 * MINUTE_NS),
    ("1 h", HOUR_NS),
    ("8 h", 8 * HOUR_NS),
    ("1 day", DAY_NS),
    ("1 week", 7 * DAY_NS),
)
_USUAL_NS = 8 * HOUR_NS
_SHORTEST_NS = SECOND_NS
#: Episodes that are marked and listed, the latest of the stretch.
MOST_EPISODES = 200


def history_context(
    console: ConsoleParts,
    path: str,
    from_text: str,
    to_text: str,
    about: Callable[[Alert], bool],
    charts: Sequence[Chart],
) -> dict[str, Any]:
    """What ``history.html`` needs.

    Parameters
    ----------
    about
        Which alerts are marked.
    """

    def latest_ns() -> int | None:
        with StateReader.open(console.state) as reader:
            return latest_minute_end(reader)

    stretch = _as_far_as_there_are_data(console, asked_stretch(from_text, to_text, latest_ns, _USUAL_NS))
    troubles = [stretch.trouble] if stretch.trouble else []
    episodes: list[Alert] = []
    try:
        episodes = _episodes(console, stretch, about)
    except PetawatchError as error:
        troubles.append(sentence_of(error))
    length_ns = stretch.to_ns - stretch.from_ns
    return {
        "troubles": troubles,
        "charts": [chart.document() for chart in charts],
        "stretch": {
            "from_s": stretch.from_ns / SECOND_NS,
            "to_s": stretch.to_ns / SECOND_NS,
            "from_words": time_words(stretch.from_ns, seconds=True),
            "to_words": time_words(stretch.to_ns, seconds=True),
            "latest": not stretch.asked,
        },
        "ways": [
            ("Earlier", "[", link(path, **stretch.moved(-1))),
            ("Later", "]", link(path, **stretch.moved(1))),
            ("Zoom in", "+", _zoomed(path, stretch, max(length_ns // 4, _SHORTEST_NS))),
            ("Zoom out", "-", _zoomed(path, stretch, min(length_ns, LONGEST_NS // 2))),
            ("Latest", "0", path),
        ],
        "lengths": [(words, _ending(path, stretch, each_ns)) for words, each_ns in _LENGTHS],
        "episodes": marked_episodes(episodes[-MOST_EPISODES:]),
        "more_episodes": max(len(episodes) - MOST_EPISODES, 0),
    }


def _as_far_as_there_are_data(console: ConsoleParts, stretch: AskedStretch) -> AskedStretch:
    """The latest stretch with the shortest of the lengths that shows all of it: some minutes are no line at its end."""
    if stretch.asked:
        return stretch
    try:
        with StateReader.open(console.state) as reader:
            minutes = reader.triplet_minutes(stretch.from_ns, stretch.to_ns)
    except PetawatchError:  # told below, where episodes are read
        return stretch
    if not minutes:
        return stretch
    length_ns = next(each for _, each in _LENGTHS if each >= stretch.to_ns - minutes[0].minute_ns)
    return replace(stretch, from_ns=stretch.to_ns - length_ns)


def _episodes(console: ConsoleParts, stretch: AskedStretch, about: Callable[[Alert], bool]) -> list[Alert]:
    with StateReader.open(console.state) as reader:
        # They come by their first shots: what is later than the stretch is not read.
        until = takewhile(lambda each: each[0].first_shot_ns < stretch.to_ns, reader.alerts(stretch.from_ns))
        return [alert for alert, _ in until if _touches(alert, stretch) and about(alert)]


def _touches(alert: Alert, stretch: AskedStretch) -> bool:
    return alert.last_shot_ns >= stretch.from_ns or alert.status is AlertStatus.OPEN


def _zoomed(path: str, stretch: AskedStretch, reach_ns: int) -> str:
    """The stretch so far to both sides of this one's middle."""
    middle_ns = (stretch.from_ns + stretch.to_ns) // 2
    return link(path, from_=format_iso(middle_ns - reach_ns), to=format_iso(middle_ns + reach_ns))


def _ending(path: str, stretch: AskedStretch, length_ns: int) -> str:
    """Another length with the same end."""
    return link(path, from_=format_iso(stretch.to_ns - length_ns), to=format_iso(stretch.to_ns))
