"""Runs drills one after another, each on an installation of its own, over one simulated day."""

import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.state.reader import StateReader
from models.errors import PetawatchError
from streams.drills.broker_control import BrokerControl
from streams.drills.catalogue import DRILLS, DrillSite, simulated_day
from streams.drills.installation import TemporaryInstallation


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """How a drill went.

    Attributes
    ----------
    failure
        What was wrong; empty when everything was as in an undisturbed run.
    """

    name: str
    seconds: float
    failure: str = ""


def run_drills(
    names: Sequence[str],
    config: Path | None,
    broker: BrokerControl,
    *,
    repeats: int,
    seed: int,
    keep: Path | None = None,
) -> Iterator[DrillResult]:
    """Run drills by their names; each result comes when its drill has ended.

    Parameters
    ----------
    config
        The site's settings: cluster, login, model.
    repeats
        How often something is broken in a drill that repeats.
    keep
        Folder for states and logs; a temporary one when it is None.
    """
    with tempfile.TemporaryDirectory(prefix="petawatch-drill-") as temporary:
        folder = keep or Path(temporary)
        data, expected = simulated_day(folder, config)
        for name in names:
            yield run_drill(
                name, folder / name, data, expected, config=config, broker=broker, repeats=repeats, seed=seed
            )


def run_drill(
    name: str,
    folder: Path,
    data: Path,
    expected: Path,
    *,
    config: Path | None,
    broker: BrokerControl,
    repeats: int,
    seed: int,
) -> DrillResult:
    """Run one drill over a day whose undisturbed results are known."""
    began_s = time.monotonic()
    try:
        # The name is drawn: drills of several people on one cluster never meet.
        with TemporaryInstallation(folder, config, f"drill-{uuid.uuid4().hex[:8]}") as installation:
            site = DrillSite(
                installation=installation,
                data=data,
                expected=expected,
                records=_records(expected),
                repeats=repeats,
                seed=seed,
                broker=broker,
            )
            DRILLS[name](site)
    except PetawatchError as error:
        return DrillResult(name=name, seconds=time.monotonic() - began_s, failure=str(error))
    return DrillResult(name=name, seconds=time.monotonic() - began_s)


def _records(state: Path) -> int:
    with StateReader.open(state) as reader:
        return int(reader.ledger()["records"]["read"])
