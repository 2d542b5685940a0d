"""One Parquet file of all that was decided."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from connectors.state.parts import parquet_writer
from connectors.state.row_columns import INTERNAL_COLUMNS, SCHEMAS, Rows, known_scores, plain_schema
from connectors.state.row_source import RowSources
from models.errors import FatalError


def export_rows(sources: RowSources, out: Path) -> int:
    """Write rows to ``out``, which appears when it is whole; the number of rows.

    The rows are sorted by event time, then by device (triplets: by stage). Texts are strings, times are timestamps in
    ns and UTC, what is not known is null. Every record has one row with its ``outcome``, duplicates and late ones
    too; dead letters have neither time nor device and none.

    Raises
    ------
    FatalError
        ``export`` when ``out`` can't be written; nothing is left behind.
    """
    schema = exported_schema(sources.what)
    partial = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    rows = 0
    with _clear_sentence(out):
        writer = parquet_writer(str(partial), schema)
    try:
        for table in sources.tables():
            with _clear_sentence(out):
                writer.write_table(exported_form(table, schema))
            rows += len(table)
        with _clear_sentence(out):
            writer.close()
            partial.replace(out)
    except BaseException:
        with suppress(OSError, pa.ArrowException):
            writer.close()
        with suppress(OSError):
            partial.unlink()
        raise
    return rows


def exported_rows(sources: RowSources) -> pa.Table:
    """Rows as ``export_rows`` writes them; they must fit into the memory."""
    schema = exported_schema(sources.what)
    tables = [exported_form(table, schema) for table in sources.tables()]
    return pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()


def exported_schema(what: Rows) -> pa.Schema:
    """Of what is exported: plain texts, without what only the watch itself reads again."""
    whole = SCHEMAS[what]
    return plain_schema(pa.schema([whole.field(name) for name in whole.names if name not in INTERNAL_COLUMNS]))


def exported_form(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows with these columns of ``exported_schema``, as they are handed out: what is not known is null."""
    return known_scores(table).select(schema.names).cast(schema)


@contextmanager
def _clear_sentence(out: Path) -> Iterator[None]:
    """What fails here is the fault of the file to be written, and not of the state directory."""
    try:
        yield
    except OSError as error:
        what = os.strerror(error.errno) if error.errno else str(error)
        raise FatalError(
            f"{out} can't be written ({what}); give another place, or make room", reason="export"
        ) from error
