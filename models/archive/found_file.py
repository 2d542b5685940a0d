"""A file with all that is known of its copies."""

from typing import NamedTuple

from models.archive.archived_file import ArchivedFile
from models.archive.copies import KnownCopies


class FoundFile(NamedTuple):
    """What the catalog answers to a search."""

    file: ArchivedFile
    copies: KnownCopies
