"""How far a replay has come: files, event time, its speed, and how long it may still take."""

from dataclasses import asdict, dataclass
from typing import Any

from models.event_time import SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgress:
    """Of one replay, at a moment.

    Attributes
    ----------
    model, number, models
        Which model is at work, the ``number``-th, from 1, of ``models``; each goes through all files.
    files_done, files
        Of this model.
    files_before
        How many of these a replay that was cut off had done before.
    records_done, records
        In these files, as the archive has counted them; both 0 where nothing is known of them.
    began_ns, reached_ns
        Event times of the first record that was to be done, and up to which all is done.
    elapsed_s
        By the clock, since this model's first file was begun.
    """

    model: str
    number: int
    models: int
    files_done: int
    files: int
    files_before: int
    records_done: int
    records: int
    began_ns: int
    reached_ns: int
    elapsed_s: float

    @property
    def part(self) -> float:
        """Of all the work, that of all models: 0 to 1."""
        return (self.number - 1 + self.files_done / max(self.files, 1)) / self.models

    @property
    def speed(self) -> float | None:
        """Seconds of event time in a second; None as long as nothing is done."""
        covered_s = (self.reached_ns - self.began_ns) / SECOND_NS
        return covered_s / self.elapsed_s if covered_s > 0 and self.elapsed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """How long it still takes at the speed so far, models that follow included; None as long as nothing is done."""
        done = self.files_done - self.files_before
        if done <= 0:
            return None
        left = self.files - self.files_done + (self.models - self.number) * self.files
        return left * self.elapsed_s / done

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
