"""How often alerts were right, by what operators said of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.alerts.alert import AlertKind
from models.alerts.verdicts import Verdict
from models.evaluation import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCount:
    """The episodes of one kind at one place, by verdict; ``place`` is a device, else a stage or a file."""

    kind: AlertKind
    place: str
    true: int
    false: int
    unclear: int
    unjudged: int

    @property
    def precision(self) -> Rate:
        """The true ones among those that are judged true or false."""
        return Rate(count=self.true, total=self.true + self.false)


def count_verdicts(episodes: Iterable[tuple[AlertKind, str, Verdict | None]]) -> list[VerdictCount]:
    """Count episodes (kind, place, latest verdict or None) by kind, then place, in the order of their names."""
    groups: dict[tuple[AlertKind, str], list[Verdict | None]] = {}
    for kind, place, verdict in episodes:
        groups.setdefault((kind, place), []).append(verdict)
    return [
        VerdictCount(
            kind=kind,
            place=place,
            true=verdicts.count(Verdict.TRUE),
            false=verdicts.count(Verdict.FALSE),
            unclear=verdicts.count(Verdict.UNCLEAR),
            unjudged=verdicts.count(None),
        )
        for (kind, place), verdicts in sorted(groups.items())
    ]
