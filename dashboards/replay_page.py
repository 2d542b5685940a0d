"""A replay as one page with pictures: its episodes, or how those of two models differ."""

from collections.abc import Callable, Sequence

from dashboards.alert_table import found_of, lasted, place_of, score_of
from dashboards.html_page import facts_line, heading, html_page, html_table, paragraph, picture, text
from dashboards.reason_words import why
from dashboards.replay_table import signed
from dashboards.words import counted
from models.alerts.alert import Alert
from models.event_time import format_iso
from models.replay_comparison import CameraDifference, ReplayComparison

#: The picture of an alert's worst shot (PNG), None when there is none.
PictureOf = Callable[[Alert], bytes | None]

#: A page with more pictures opens slowly; the other episodes are named without.
MOST_PICTURES = 120

_CAMERA_COLUMNS = (
    *("camera", "shots", "since", "median", "5 %", "95 %", "lowest", "highest"),
    *("odd for both", "first only", "second only"),
)
# What a reader must know to read the two tables.
_SCORES_IN_WORDS = (
    "A score says how seldom a normal shot looks so unusual: 3 is one of 1,000, 4 one of 10,000. Shown is the second "
    "model's score less the first's over all shots that both have scored: its median, between which values 90 % of the "
    "shots lie (5 % and 95 %), and the extremes. A shot is odd for a model when it is beyond the limit for single "
    "images (setting camera.frame_fpr), or when the camera repeats its image; an alert takes more than one odd shot, "
    "or a very odd one. Each model tells its own odd shots."
)


class _Pictures:
    """Gives pictures as long as the page has room for them."""

    def __init__(self, of: PictureOf) -> None:
        self._of = of
        self._left = MOST_PICTURES

    def of(self, alert: Alert) -> str:
        png = self._of(alert) if self._left else None
        if png is None:
            return ""
        self._left -= 1
        return picture(png, f"evidence of {place_of(alert)}")


def replay_page(sentences: Sequence[str], alerts: Sequence[Alert], picture_of: PictureOf) -> str:
    """The page of one replay.

    Parameters
    ----------
    sentences
        What was replayed.
    """
    pictures = _Pictures(picture_of)
    parts = [paragraph(sentence, quiet=True) for sentence in sentences]
    parts += [heading(counted(len(alerts), "episode")), *(_episode(alert, pictures.of(alert)) for alert in alerts)]
    return html_page("Replay", parts)


def comparison_page(sentences: Sequence[str], comparison: ReplayComparison, first: PictureOf, second: PictureOf) -> str:
    """The page of two models over the same stretch; ``first`` and ``second`` give their pictures."""
    pictures = {"first": _Pictures(first), "second": _Pictures(second)}
    parts = [paragraph(sentence, quiet=True) for sentence in sentences]
    parts += [
        paragraph(
            f"The first model, {comparison.first_model}, is that of the stretch. The second, "
            f"{comparison.second_model}, is the one that was to be compared with it."
        ),
        paragraph(
            f"{counted(len(comparison.first_only), 'episode')} of the first only, {len(comparison.second_only)} of the "
            f"second only, {len(comparison.shared)} of both."
        ),
        heading("Scores by camera, second less first"),
        paragraph(_SCORES_IN_WORDS, quiet=True),
        _cameras(comparison.cameras),
    ]
    for which, model, alerts in (
        ("first", comparison.first_model, comparison.first_only),
        ("second", comparison.second_model, comparison.second_only),
    ):
        parts.append(heading(f"Only {model} ({which})"))
        parts += [_episode(alert, pictures[which].of(alert)) for alert in alerts] or [paragraph("none", quiet=True)]
    parts.append(heading("Both"))
    for pair in comparison.shared:
        parts.append(_episode(pair.first, pictures["first"].of(pair.first), second=pair.second))
    if not comparison.shared:
        parts.append(paragraph("none", quiet=True))
    return html_page("Replay with two models", parts)


def _cameras(cameras: Sequence[CameraDifference]) -> str:
    rows, worst = [], []
    for camera in cameras:
        if camera.since_ns is None:
            rows.append((camera.device, "0", "not learned yet", *[""] * 5, *["0"] * 3))
            continue
        lowest, low, median, high, highest = map(signed, camera.quantiles)
        odd = (str(camera.odd_both), str(camera.odd_first), str(camera.odd_second))
        since = format_iso(camera.since_ns)
        rows.append((camera.device, str(camera.shots), since, median, low, high, lowest, highest, *odd))
        worst += [
            (camera.device, format_iso(shot.event_time_ns), f"{shot.first:.2f}", f"{shot.second:.2f}")
            for shot in camera.worst
        ]
    shots = html_table(("camera", "shot", "first", "second"), worst, numbers=("first", "second"))
    table = html_table(_CAMERA_COLUMNS, rows, numbers=(*_CAMERA_COLUMNS[3:], "shots"))
    return f"{table}\n{heading('Shots whose scores differ most')}\n{shots}"


def _episode(alert: Alert, shown: str, *, second: Alert | None = None) -> str:
    """An episode with its picture, and with what the second model made of it."""

    def both(of: Callable[[Alert], str]) -> str:
        values = [of(each) for each in (alert, second) if each is not None]
        return values[0] if len(set(values)) == 1 else f"{values[0]} (first), {values[1]} (second)"

    facts = [
        ("where", place_of(alert)),
        ("first shot", both(lambda each: format_iso(each.first_shot_ns))),
        ("lasted", both(lasted)),
        ("shots", both(lambda each: str(each.shots))),
        ("score", both(score_of)),
        ("severity", both(lambda each: each.severity.value)),
        ("status", both(lambda each: each.status.value)),
        ("found", both(found_of)),
        ("model", both(lambda each: each.model)),
        ("alert", both(lambda each: each.id)),
    ]
    return f'<article class="{alert.severity.value}"><h3>{text(why(alert))}</h3>\n{facts_line(facts)}{shown}</article>'
