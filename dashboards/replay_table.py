"""A replay for eyes: what goes through the pipeline, and what another model made of it."""

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console

from dashboards.alert_table import place_of, score_of
from dashboards.printable import printable
from dashboards.printed_rows import print_blocks
from dashboards.words import counted
from models.alerts.alert import Alert
from models.archive.archived_file import ArchivedFile
from models.event_time import MINUTE_NS, format_iso
from models.replay_comparison import CameraDifference, ReplayComparison


class ShownPlan(Protocol):
    """What is shown of a plan."""

    @property
    def from_ns(self) -> int:
        """Beginning of the stretch."""
        ...

    @property
    def to_ns(self) -> int:
        """Its end."""
        ...

    @property
    def state_file(self) -> ArchivedFile | None:
        """What it starts from."""
        ...

    @property
    def files(self) -> Sequence[ArchivedFile]:
        """What is replayed."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        ...

    @property
    def changed_settings(self) -> Sequence[str]:
        """Parts of the settings that have changed since."""
        ...


def plan_sentences(plan: ShownPlan, models: Sequence[str], missing: Sequence[str]) -> list[str]:
    """What a replay would do.

    Parameters
    ----------
    models
        The names of the models, the first one that of the stretch.
    missing
        Where the files come from, as sentences.
    """
    size = f"{plan.size_bytes / 2**20:,.1f} MiB"
    stretch = f"{format_iso(plan.from_ns)} to {format_iso(plan.to_ns)}"
    sentences = [
        f"{stretch}: {counted(len(plan.files), 'snapshot')}, {size}, with {' and '.join(map(printable, models))}"
    ]
    if plan.state_file is not None and plan.state_file.first_ns is not None:
        minutes = (plan.from_ns - plan.state_file.first_ns) / MINUTE_NS
        sentences.append(f"it starts from {plan.state_file.key}, {minutes:.0f} minutes before the stretch")
    caveat = caveat_sentence(plan)
    return [*sentences, *([caveat] if caveat else []), *missing]


def caveat_sentence(plan: ShownPlan) -> str:
    """Why the results need not be what the watch gave; empty where they are to be the same."""
    if plan.state_file is None:
        return (
            "it starts without an archived state: all devices learn anew with the model in use now, and the results "
            "are not the first ones"
        )
    if plan.changed_settings:
        changed = ", ".join(plan.changed_settings)
        return f"the settings have changed since ({changed}): results may differ from the first"
    return ""


def print_sentences(sentences: Sequence[str], console: Console) -> None:
    """One a line."""
    for sentence in sentences:
        console.print(sentence, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def print_comparison(comparison: ReplayComparison, console: Console) -> None:
    """Episodes of one model only, of both, and the cameras' scores: blocks on a terminal, lines elsewhere."""
    first, second = printable(comparison.first_model), printable(comparison.second_model)
    groups = [
        (f"only {first}", [_episode(alert) for alert in comparison.first_only]),
        (f"only {second}", [_episode(alert) for alert in comparison.second_only]),
        ("both", [_episode(pair.first) for pair in comparison.shared]),
    ]
    for name, episodes in groups:
        print_sentences([f"{name}: {counted(len(episodes), 'episode')}"], console)
        print_sentences([f"  {episode}" for episode in episodes], console)
    if console.is_terminal:
        print_blocks(((printable(camera.device), camera_lines(camera)) for camera in comparison.cameras), console)
        return
    for camera in comparison.cameras:
        lines = [f"  {name}: {value}" for name, value in camera_lines(camera)]
        print_sentences([printable(camera.device), *lines], console)


def camera_lines(camera: CameraDifference) -> list[tuple[str, str]]:
    """A camera's scores in words."""
    if camera.since_ns is None:
        return [("compared", "nothing: the second model has not learned yet")]
    lowest, low, median, high, highest = camera.quantiles
    worst = "; ".join(
        f"{format_iso(shot.event_time_ns)[11:]}: {shot.first:.1f} and {shot.second:.1f}" for shot in camera.worst[:3]
    )
    return [
        ("compared", f"{counted(camera.shots, 'shot')} since {format_iso(camera.since_ns)}"),
        ("score, second less first", f"median {signed(median)}, 5 to 95 %: {signed(low)} to {signed(high)}"),
        ("at most", f"{signed(lowest)} to {signed(highest)}"),
        ("odd shots", f"{camera.odd_both} for both, {camera.odd_first} the first only, {camera.odd_second} the second"),
        ("differ most", worst),
    ]


def signed(difference: float) -> str:
    """A difference of two scores; one that is shown as 0 has no sign."""
    words = f"{difference:+.2f}"
    return "0.00" if float(words) == 0.0 else words


def _episode(alert: Alert) -> str:
    shots = counted(alert.shots, "shot")
    return printable(
        f"{format_iso(alert.first_shot_ns)}  {alert.kind.value}  {place_of(alert)}  {shots}  {score_of(alert)}"
        f"  {', '.join(alert.reasons)}  {alert.id}"
    )
