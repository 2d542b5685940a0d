"""Reading back the evidence of episodes: what is kept below the state directory, and nothing outside it."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from connectors.disk_failures import disk_failures
from connectors.evidence_store import EVIDENCE, EXPIRED, EvidenceLink
from models.errors import RecordError


class EvidenceRole(StrEnum):
    """Of a shot in its episode; the most telling one first."""

    WORST = "worst"
    FIRST = "first"
    LAST = "last"


_ROLES = [role.value for role in EvidenceRole]


def by_telling(links: Iterable[EvidenceLink]) -> list[EvidenceLink]:
    """The evidence of an episode, that of the most telling shot first."""
    return sorted(links, key=lambda link: _ROLES.index(link.role))


def evidence_path(state: Path, name: str) -> Path:
    """Where a file of a link lies.

    Parameters
    ----------
    name
        ``png`` or ``npz`` of the link.

    Raises
    ------
    RecordError
        ``expired``: it is not kept; what lies elsewhere is no evidence.
    """
    path = (state / name).resolve()
    if name == EXPIRED or not path.is_relative_to((state / EVIDENCE).resolve()) or not path.is_file():
        raise _expired()
    return path


def read_evidence(state: Path, name: str) -> bytes:
    """The content of a file of a link; parameter and errors as of ``evidence_path``.

    Raises
    ------
    RetryableError
        The disk fails.
    """
    path = evidence_path(state, name)
    with disk_failures(state):
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise _expired() from error


def _expired() -> RecordError:
    return RecordError("the evidence is no longer kept ([evidence] keep_days)", reason="expired")
