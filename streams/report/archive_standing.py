"""How the archive stands with the files of a stretch, for a report: what can't be told is a sentence."""

from collections import Counter
from pathlib import Path
from typing import Any

from dashboards.shift_report import ArchiveStanding
from dashboards.words import plain_words
from models.archive.file_query import FileQuery
from models.errors import PetawatchError
from streams.archive.cataloguing.judged_files import JudgedFile, opened_search
from streams.archive.uploading.archive_status import archive_status
from streams.report.reported_stretch import ReportedStretch
from streams.settings import Settings

_MOST_FILES = 20_000
_NOTHING = "archive_missing"


def archive_standing(state: Path, settings: Settings, stretch: ReportedStretch, now_ns: int) -> ArchiveStanding:
    """What waits, and how many of the stretch's files are safe."""
    sentences: list[str] = []
    status: dict[str, Any] | None = None
    try:
        status = archive_status(state, settings, now_ns)
    except PetawatchError as error:
        if error.reason == _NOTHING:
            return ArchiveStanding()
        sentences.append(str(error))
    files: list[JudgedFile] = []
    try:
        with opened_search(state, settings) as search:
            query = FileQuery(from_ns=stretch.from_ns, to_ns=stretch.to_ns, latest_only=True)
            files = search.files(query, _MOST_FILES + 1)
    except PetawatchError as error:
        if error.reason != _NOTHING:
            sentences.append(str(error))
    judged = [why_not for _, why_not in files[:_MOST_FILES]]
    obstacles = Counter(obstacle.why for why_not in judged for obstacle in why_not or ())
    sentences += [f"{count} not safe: {plain_words(why)}" for why, count in sorted(obstacles.items())]
    return ArchiveStanding(
        status=status,
        files=len(judged),
        safe=sum(why_not is not None and not why_not for why_not in judged),
        limited=len(files) > _MOST_FILES,
        sentences=sentences,
    )
