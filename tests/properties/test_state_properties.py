"""Any order of commits, replacements, second decisions, flushes and restarts: the same as a plain dictionary."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.state.commit import Commit, FileRecord, SupersededRows
from connectors.state.directory import StateDirectory
from connectors.state.row_columns import times_ns
from models.devices import Device
from models.event_time import HOUR_NS
from models.records import SourceReference
from models.results import Outcome
from models.triplets.decided import OUTCOME_CODES, DecidedBlock
from tests.unit.connectors.state.examples import CAMERA, METER, START_NS, decided, file_record, source

DEVICES = (CAMERA, METER)
OUTCOMES = (Outcome.TRIPLET, Outcome.IDLE, Outcome.DUPLICATE)
# Each file holds some seconds of one device; half an hour between the files puts them into several partitions.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.integers(0, 4), st.integers(0, 2), st.integers(1, 6), st.sampled_from(OUTCOMES)),
        st.tuples(st.just("again"), st.integers(0, 4), st.integers(0, 5), st.integers(0, 2)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("restart")),
    ),
    max_size=12,
)


class _Expected:
    """What should be there: rows by file, each with its time, outcome and a value."""

    def __init__(self) -> None:
        self.versions: dict[int, SourceReference] = {}
        self.rows: dict[int, list[DecidedBlock]] = {}

    def outcomes(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for blocks in self.rows.values():
            for block in blocks:
                found.update(list(Outcome)[code].value for code in block.outcome)
        return found

    def keys(self) -> Counter[tuple[str, int, str, str]]:
        return Counter(
            (block.scored.device.name, int(time_ns), block.scored.source.sha256, list(Outcome)[code].value)
            for blocks in self.rows.values()
            for block in blocks
            for time_ns, code in zip(block.scored.event_time_ns, block.outcome, strict=True)
        )


def _device(number: int) -> Device:
    return DEVICES[number % 2]


def _file(expected: _Expected, number: int, version: int, rows: int, outcome: Outcome) -> Commit:
    """A file comes, new or in the place of its other version; the same version again is skipped."""
    of = source(f"file{number}", version)
    old = expected.versions.get(number)
    if old == of:
        return Commit(file_counts={"skipped": 1})
    start_ns = START_NS + number * HOUR_NS // 2
    block = decided(_device(number), rows, of=of, start_ns=start_ns, outcome=outcome, seed=version)
    expected.versions[number], expected.rows[number] = of, [block]
    record: FileRecord = file_record(of, rows, replaced_sha256=old.sha256 if old else None)
    return Commit(files=[record], decided=[block])


def _again(expected: _Expected, number: int, first: int, outcome: int) -> Commit:
    """The records of a file from the first on are decided again; copies keep their outcome."""
    copies = OUTCOME_CODES[Outcome.DUPLICATE]
    blocks = [block for block in expected.rows.get(number, []) if block.outcome[0] != copies]
    if not blocks:
        return Commit()
    kept: list[DecidedBlock] = []
    anew: list[DecidedBlock] = []
    for block in blocks:
        code = np.uint8(OUTCOME_CODES[(Outcome.TRIPLET, Outcome.IDLE, Outcome.INCOMPLETE)[outcome]])
        for row in range(len(block)):
            part = decided(
                block.scored.device,
                1,
                of=block.scored.source,
                start_ns=int(block.scored.event_time_ns[row]),
                outcome=list(Outcome)[block.outcome[row]],
            )
            if row < first:
                kept.append(part)
            else:
                anew.append(DecidedBlock(part.scored, np.array([code]), part.reasons, part.anomalous))
    expected.rows[number] = kept + anew
    times = np.array([int(part.scored.event_time_ns[0]) for part in anew], np.int64)
    return Commit(decided=anew, superseded=[SupersededRows(_device(number), times)])


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_rows_and_ledger_equal_a_plain_account(steps: list[tuple[Any, ...]]) -> None:
    expected = _Expected()
    with tempfile.TemporaryDirectory() as folder:
        state = StateDirectory.open(Path(folder))
        try:
            for step, *values in steps:
                if step == "flush":
                    state.flush()
                elif step == "restart":
                    state.close()
                    state = StateDirectory.open(Path(folder))
                elif step == "file":
                    state.commit(_file(expected, *values))
                else:
                    state.commit(_again(expected, *values))
            _check(state, expected)
            state.flush()
            _check(state, expected)
        finally:
            state.close()


def _check(state: StateDirectory, expected: _Expected) -> None:
    ledger = state.ledger()
    outcomes = expected.outcomes()
    assert ledger["balanced"]
    assert {word: n for word, n in ledger["records"].items() if n and word != "read"} == outcomes
    assert ledger["records"]["read"] == outcomes.total()
    assert ledger["files"]["accepted"] == len(expected.versions)
    out = state.path / "out.parquet"
    state.export(out)
    table = pq.read_table(out)
    columns = (table[name].to_pylist() for name in ("device", "sha256", "outcome"))
    device, sha256, outcome = columns
    assert Counter(zip(device, times_ns(table).tolist(), sha256, outcome, strict=True)) == expected.keys()
    assert times_ns(table).tolist() == sorted(times_ns(table).tolist())
