"""Which files are asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileQuery:
    """Files that fulfil all of it; what is None or empty asks for nothing.

    Attributes
    ----------
    from_ns, to_ns
        Event times: files with records from the one on and before the other. Of a file without readable records its
        date's midnight (UTC) stands for them.
    device, stage
        Patterns as of ``fnmatch.fnmatchcase``; at least one device, or stage, of the file fits.
    state
        A device state that occurs.
    anomalous
        With an episode in it (True), or with none (False).
    valid
        Readable wholly (True), or not (False).
    latest_only
        Of each key the version with the latest time of change; of equal ones that which the catalog learned of last.
        In which order the catalog learned of the others does not matter. One without a known time is the oldest.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    device: str = ""
    stage: str = ""
    state: str = ""
    anomalous: bool | None = None
    valid: bool | None = None
    latest_only: bool = False
