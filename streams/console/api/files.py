"""Snapshots: how each version was accounted for, and where its copies lie."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from connectors.state.commit import FileStatus
from connectors.state.file_accounts import FileAccount, FileFilter
from connectors.state.reader import StateReader
from models.archive.archived_file import file_id
from models.archive.copies import BundleCopy, CopyState, KnownCopies, StoreCopy
from models.archive.keys import archive_key
from models.archive.volumes import Volume, VolumeState
from models.errors import FatalError
from models.event_time import format_iso, iso_or_none
from streams.archive.cataloguing.judged_files import opened_search
from streams.archive.cataloguing.known_copies import known_copies
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit, Page, page_of, place_of
from streams.console.api.route import ApiRoute
from streams.console.api.validators import tag_answer, tag_of_answer
from streams.console.parts import ConsoleParts, parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["files"])

_LONGEST_TEXT = 200


class CopyInStore(Answer):
    """A copy in an object store or a folder."""

    store: str = Field(description="`s3://BUCKET` or `file:///FOLDER`.")
    version: str = Field(description="The store's own name of it.")
    checked: str | None = Field(description="When the store confirmed the SHA-256, ISO 8601 in UTC; null: never.")
    read_back: str | None = Field(description="When all of it was last read back and compared; null: never.")
    damaged: str = Field(description="What the last reading found instead; empty when all was well.")


class CopyOnTape(Answer):
    """A copy in a bundle on a cartridge."""

    bundle: str = Field(description="Id of the bundle.")
    volume: str = Field(description="UUID of the cartridge.")
    barcode: str = Field(description="Of the cartridge; empty when it has none.")
    volume_state: VolumeState | None = Field(description="Of the cartridge; null when the inventory does not know it.")
    path: str = Field(description="Of the bundle on the cartridge.")
    state: CopyState = Field(description="`safe` once it was read back after a remount.")
    written: str = Field(description="ISO 8601 in UTC.")
    read_back: str | None = Field(description="When it was last read back; null: never.")
    damaged: str = Field(description="What the last reading found instead; empty when all was well.")


class Copies(Answer):
    """What the catalog knows of a file's copies."""

    cataloged: bool = Field(description="Whether the catalog has the file.")
    store: list[CopyInStore] = Field(description="In stores.")
    tape: list[CopyOnTape] = Field(description="On cartridges.")


class File(Answer):
    """One version of a snapshot: a content under a name."""

    path: str = Field(description="Below the watched folder.")
    root: str = Field(description="The watched folder.")
    key: str = Field(description="Under which it lies in every copy.")
    sha256: str = Field(description="Of its content, hex; empty when it could not be read.")
    size_bytes: int = Field(description="Bytes.", ge=0)
    status: FileStatus = Field(description="What became of it.")
    reason: str = Field(description="Why it was refused, or read in part; empty otherwise.")
    first_shot: str | None = Field(description="Event time of its earliest record, ISO 8601 in UTC.")
    last_shot: str | None = Field(description="Of its latest record.")
    records_read: int = Field(description="That the reader counted.", ge=0)
    outcomes: dict[str, int] = Field(description="How many ended how, by the ledger's words; zeros are left out.")
    dead_letters: dict[str, int] = Field(description="Those that the reader found, by reason.")
    pending: int = Field(description="Records that wait in the join.", ge=0)
    latest: bool = Field(description="Whether it is the path's latest version.")
    void: bool = Field(description="Whether another version took its place: its records do not count.")
    balanced: bool = Field(description="Whether each record has one outcome or is pending.")
    copies: Copies | None = Field(description="Null where there is no archive.")


class Files(Page[File]):
    """Some versions of files."""


@router.get("/files")
def files(
    request: Request,
    contains: Annotated[str, Query(max_length=_LONGEST_TEXT, description="A part of the path.")] = "",
    status: Annotated[FileStatus | None, Query(description="Of which this has become.")] = None,
    only_dead_letters: Annotated[bool, Query(description="Only files with dead letters.")] = False,
    only_unbalanced: Annotated[bool, Query(description="Only files whose records have not all ended.")] = False,
    cursor: Cursor = None,
    limit: Limit = USUAL_PAGE,
) -> Files:
    """Versions of files, those that came last first."""
    console = parts(request)
    place = place_of(request, cursor, int)
    wanted = FileFilter(
        contains=contains, status=status, only_dead_letters=only_dead_letters, only_unbalanced=only_unbalanced
    )
    with StateReader.open(console.state) as reader:
        found = reader.file_accounts(wanted, before_id=place[0] if place else None, limit=limit + 1)
    page, behind = page_of(request, found, limit, lambda account: account.id)
    copies = _copies(console, page)
    answer = Files(
        items=[_file(account, copies) for account in page],
        next=behind,
    )
    tag_answer(request, tag_of_answer(answer))
    return answer


def _copies(console: ConsoleParts, accounts: Sequence[FileAccount]) -> Mapping[str, KnownCopies] | None:
    ids = [_id(account) for account in accounts if account.sha256]
    try:
        with opened_search(console.state, console.settings) as search:
            return known_copies(search.archive.catalog, ids) if ids else {}
    except FatalError as error:
        if error.reason != "archive_missing":
            raise
        return None


def _id(account: FileAccount) -> str:
    return file_id(archive_key(account.path), account.sha256)


def _file(account: FileAccount, copies: Mapping[str, KnownCopies] | None) -> File:
    known = None if copies is None else copies.get(_id(account))
    return File(
        path=account.path,
        root=account.root,
        key=archive_key(account.path),
        sha256=account.sha256,
        size_bytes=account.size_bytes,
        status=account.status,
        reason=account.reason,
        first_shot=iso_or_none(account.first_ns),
        last_shot=iso_or_none(account.last_ns),
        records_read=account.read,
        outcomes=dict(account.outcomes),
        dead_letters=dict(account.dead_letters),
        pending=account.pending,
        latest=account.latest,
        void=account.void,
        balanced=account.balanced,
        copies=None if known is None else _known(known),
    )


def _known(known: KnownCopies) -> Copies:
    return Copies(
        cataloged=known.cataloged,
        store=[_in_store(copy) for copy in known.store_copies],
        tape=[_on_tape(copy, known.volumes.get(copy.volume)) for copy in known.bundle_copies],
    )


def _in_store(copy: StoreCopy) -> CopyInStore:
    return CopyInStore(
        store=copy.store,
        version=copy.version,
        checked=iso_or_none(copy.checked_ns),
        read_back=iso_or_none(copy.read_back_ns),
        damaged=copy.damaged,
    )


def _on_tape(copy: BundleCopy, volume: Volume | None) -> CopyOnTape:
    return CopyOnTape(
        bundle=copy.bundle_id,
        volume=copy.volume,
        barcode="" if volume is None else volume.barcode,
        volume_state=None if volume is None else volume.state,
        path=copy.path,
        state=copy.state,
        written=format_iso(copy.written_ns),
        read_back=iso_or_none(copy.read_back_ns),
        damaged=copy.damaged,
    )
