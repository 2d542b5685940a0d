"""What a shadow model has found at each camera beside the model in production, and what operators said of it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from connectors.control_room.decisions import OperatorDecisions
from connectors.state.reader import StateReader
from models.alerts.verdicts import Verdict
from models.errors import FatalError
from models.event_time import iso_or_none
from models.images.shadow_comparison import ComparedAlert, ShadowComparison, ShadowCounts
from models.state import State, decode_state
from streams.device_stages import DEVICE_KEYS, SHADOW, device_of_key


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAlerts:
    """Alerts of production that operators have judged, as far back as they are remembered.

    Attributes
    ----------
    true, false
        Judged so.
    true_shared, false_shared
        Of these, the ones that the shadow would have raised, too.
    """

    true: int = 0
    true_shared: int = 0
    false: int = 0
    false_shared: int = 0

    def __add__(self, other: "JudgedAlerts") -> "JudgedAlerts":
        """Both together."""
        return JudgedAlerts(
            true=self.true + other.true,
            true_shared=self.true_shared + other.true_shared,
            false=self.false + other.false,
            false_shared=self.false_shared + other.false_shared,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFinding:
    """One camera's comparison.

    Attributes
    ----------
    model, production
        The ids of both models.
    learned
        Whether the shadow has learned what is normal there; before, nothing is compared.
    going_on
        Whether the shadow goes on there; else this is what it found until it ended.
    first_ns, last_ns
        Event times of the first and the last frame that both scored; None before there is one.
    """

    model: str
    production: str
    learned: bool
    going_on: bool
    counts: ShadowCounts
    first_ns: int | None
    last_ns: int | None
    judged: JudgedAlerts


def read_findings(state_dir: Path) -> dict[str, ShadowFinding]:
    """What the shadow has found, by camera, as of the latest commit.

    Raises
    ------
    FatalError
        ``no_shadow`` when no shadow has been at any camera of this directory.
    """
    with StateReader.open(state_dir) as reader:
        states = reader.load_states()
    return findings_of(
        state_dir, ((key, decode_state(encoded)) for key, encoded in states.items() if key.startswith(DEVICE_KEYS))
    )


def findings_of(state_dir: Path, states: Iterable[tuple[str, State]]) -> dict[str, ShadowFinding]:
    """The same from states of devices, by their keys; verdicts are those of a state directory.

    Raises
    ------
    FatalError
        As ``read_findings``.
    """
    verdicts = OperatorDecisions(state_dir).latest_verdicts()
    saved = {device_of_key(key).name: state[SHADOW] for key, state in states if SHADOW in state}
    findings = {name: _finding(of_device, verdicts) for name, of_device in saved.items()}
    if not findings:
        raise FatalError(
            f"{state_dir} has no findings of a shadow: no watch has let one score yet; make a version the shadow with "
            "petawatch models promote VERSION --as shadow",
            reason="no_shadow",
        )
    return dict(sorted(findings.items()))


def shadow_document(device: str, finding: ShadowFinding) -> dict[str, Any]:
    """A camera's finding as a JSON document."""
    return {
        "device": device,
        "model": finding.model,
        "production": finding.production,
        "learned": finding.learned,
        "going_on": finding.going_on,
        "first": iso_or_none(finding.first_ns),
        "last": iso_or_none(finding.last_ns),
        **finding.counts.to_json(),
        "judged": asdict(finding.judged),
    }


def _finding(saved: State, verdicts: Mapping[str, Verdict]) -> ShadowFinding:
    comparison = ShadowComparison.from_state(saved)
    return ShadowFinding(
        model=str(saved["model"]),
        production=comparison.production,
        learned=bool(saved["learned"]),
        going_on="stage" in saved,
        counts=comparison.counts,
        first_ns=comparison.first_ns,
        last_ns=comparison.last_ns,
        judged=_judged(comparison.alerts_production, verdicts),
    )


def _judged(alerts: Iterable[ComparedAlert], verdicts: Mapping[str, Verdict]) -> JudgedAlerts:
    judged = JudgedAlerts()
    for alert in alerts:
        verdict = verdicts.get(alert.id)
        if verdict is Verdict.TRUE:
            judged += JudgedAlerts(true=1, true_shared=int(alert.shared))
        elif verdict is Verdict.FALSE:
            judged += JudgedAlerts(false=1, false_shared=int(alert.shared))
    return judged
