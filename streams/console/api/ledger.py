"""The account of every record."""

from fastapi import APIRouter, Request
from pydantic import Field

from connectors.state.reader import StateReader
from streams.console.api.answers import Answer
from streams.console.api.route import ApiRoute
from streams.console.api.validators import unless_known
from streams.console.parts import parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["files"])


class DeadLetters(Answer):
    """Records that were refused, by reason."""

    in_files: dict[str, int] = Field(description="Damaged parts of files.")
    on_the_way: dict[str, int] = Field(description="On Kafka: records whose message was refused.")


class UnbalancedFile(Answer):
    """A file whose records are not all accounted for, or more than once."""

    file: str = Field(description="Below the watched folder.")
    sha256: str = Field(description="Of its content, hex.")
    read: int | None = Field(description="Records that the reader counted; null for a file that is not known.")
    decided: int | None = Field(description="Records that have an outcome.")
    pending: int = Field(description="Records that wait.")


class Ledger(Answer):
    """What was read against where it ended; versions of files that were replaced are not in it."""

    files: dict[str, int] = Field(description="`accepted`, `rejected`, `replaced`, `skipped`, `ignored`.")
    records: dict[str, int] = Field(description="`read`; how many ended with each outcome; `pending`.")
    thinned: int = Field(description="Records that no network looked at; they have their outcomes all the same.", ge=0)
    dead_letters: DeadLetters = Field(description="Those of the outcome `dead_letter`, by reason.")
    balanced: bool = Field(description="Whether every record that was read has one outcome or is pending.")
    unbalanced_files: list[UnbalancedFile] = Field([], description="At most 20 of those that do not balance.")


@router.get("/ledger")
def ledger(request: Request) -> Ledger:
    """The account of all records, as `petawatch ledger --json` gives it."""
    with StateReader.open(parts(request).state) as reader:
        unless_known(request, *reader.version())
        return Ledger.model_validate(reader.ledger())
