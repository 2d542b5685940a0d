"""One Parquet file of all that was decided."""

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from connectors.state.parts import parquet_writer
from connectors.state.row_columns import INTERNAL_COLUMNS, SCHEMAS, plain_schema
from connectors.state.row_source import RowSources


def export_rows(sources: RowSources, out: Path) -> int:
    """Write rows to ``out``, which appears when it is whole; the number of rows.

    The rows are sorted by event time, then by device (triplets: by stage). Texts are strings, times are timestamps in
    ns and UTC, what is not known is null. Every record has one row with its ``outcome``, duplicates and late ones
    too; dead letters have neither time nor device and none.

    Raises
    ------
    OSError
        When ``out`` can't be written; nothing is left behind.
    """
    whole = SCHEMAS[sources.what]
    columns = [name for name in whole.names if name not in INTERNAL_COLUMNS]
    schema = plain_schema(pa.schema([whole.field(name) for name in columns]))
    partial = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    rows = 0
    try:
        with parquet_writer(str(partial), schema) as writer:
            for table in sources.tables():
                writer.write_table(table.select(columns).cast(schema))
                rows += len(table)
        partial.replace(out)
    except BaseException:
        with suppress(FileNotFoundError):
            partial.unlink()
        raise
    return rows
