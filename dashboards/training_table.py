"""A training for eyes: what each camera gave, what was left out, and what a network of its own would gain."""

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console

from dashboards.printable import printable
from dashboards.printed_rows import print_blocks, print_table, table_fits
from dashboards.words import counted

_COLUMNS = (
    "camera",
    "beam",
    "saturated",
    "sampled",
    "judged",
    "unusual",
    "outliers",
    "learned",
    "later",
)
_ERRORS = ("shared", "its own")
_EXPLAINED = "shared, its own: error on later frames with the shared network, and with one tuned to the camera alone"


class ShownCounts(Protocol):
    """What became of a camera's frames."""

    @property
    def beam(self) -> int:
        """Frames with beam."""
        ...

    @property
    def saturated(self) -> int:
        """Of those, left out as saturated."""
        ...

    @property
    def sampled(self) -> int:
        """Of the rest, as many as there was room for."""
        ...

    @property
    def judged(self) -> int:
        """Of the sampled, parts of true alerts."""
        ...

    @property
    def unusual(self) -> int:
        """Of the others, unlike their neighbours."""
        ...

    @property
    def outliers(self) -> int:
        """Of the others, odd to the model before."""
        ...


class ShownGain(Protocol):
    """Two errors on the same later frames."""

    @property
    def before(self) -> float:
        """With the shared network."""
        ...

    @property
    def after(self) -> float:
        """With one of its own."""
        ...

    @property
    def standard_error(self) -> float:
        """Of their difference."""
        ...


class ShownCamera(Protocol):
    """One camera's part in a training."""

    @property
    def camera(self) -> str:
        """Its name."""
        ...

    @property
    def counts(self) -> ShownCounts:
        """What became of its frames."""
        ...

    @property
    def learned(self) -> int:
        """Frames learned from."""
        ...

    @property
    def later(self) -> int:
        """Later frames."""
        ...

    @property
    def tuned(self) -> ShownGain | None:
        """The shared network and one of its own."""
        ...


def print_training(cameras: Sequence[ShownCamera], console: Console) -> None:
    """A table on a terminal, a block per camera where that is narrow, plain lines elsewhere.

    The errors have no columns where no camera's were measured.
    """
    columns = _COLUMNS + (_ERRORS if any(camera.tuned for camera in cameras) else ())
    rows = [_cells(camera)[: len(columns)] for camera in cameras]
    if not console.is_terminal:
        for name, *cells in rows:
            words = [f"{column} {cell}" for column, cell in zip(columns[1:], cells, strict=True) if cell]
            console.out(f"{name}: {', '.join(words)}")
    elif table_fits(columns, rows, console):
        print_table("Training", columns, rows, console, right=columns[1:])
        if len(columns) > len(_COLUMNS):
            console.print(_EXPLAINED, highlight=False)
    else:
        print_blocks(((printable(camera.camera), _block(camera)) for camera in cameras), console)


def _block(camera: ShownCamera) -> list[tuple[str, str]]:
    counts, tuned = camera.counts, camera.tuned
    left_out = (
        f"{counts.saturated:,} saturated, {counts.judged:,} judged, {counts.unusual:,} unusual, "
        f"{counted(counts.outliers, 'outlier')}"
    )
    return [
        ("frames", f"{counts.beam:,} with beam, {counts.sampled:,} sampled"),
        ("left out", left_out),
        ("learned", f"from {counted(camera.learned, 'frame')}, tried on {counted(camera.later, 'later frame')}"),
        ("error there", "" if tuned is None else f"{_shared(tuned)} with the shared network"),
        ("", "" if tuned is None else f"{_own(tuned)} with one of its own"),
    ]


def _cells(camera: ShownCamera) -> list[str]:
    counts, tuned = camera.counts, camera.tuned
    numbers = (
        counts.beam,
        counts.saturated,
        counts.sampled,
        counts.judged,
        counts.unusual,
        counts.outliers,
        camera.learned,
        camera.later,
    )
    errors = ["", ""] if tuned is None else [_shared(tuned), _own(tuned)]
    return [printable(camera.camera), *(f"{number:,}" for number in numbers), *errors]


def _shared(tuned: ShownGain) -> str:
    return f"{tuned.before:.2%}"


def _own(tuned: ShownGain) -> str:
    return f"{tuned.after:.2%} ± {tuned.standard_error:.2%}"
