"""What the join gives depends on the set of records: not on their order of arrival, their blocks, or restarts."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from models.alerts.episodes import EpisodeSettings
from models.devices import Device, parse_device
from models.records import Refusal
from models.results import Admission, ScoredBlock
from models.state import decode_state, encode_state
from models.triplets.stage_join import JoinOutput, JoinSettings, StageJoin
from tests.unit.models.triplets.stage_records import (
    CAMERA,
    CAMERA_2,
    METER,
    SPECTROMETER,
    STAGE,
    Row,
    block,
    merged,
    outcomes,
    tally,
    told,
)

DEVICES = (CAMERA, METER, SPECTROMETER, CAMERA_2)
STRANGE = parse_device("LA_A3_31-Camera_9-Camera-9")
LATENESS_MS = 400
EPISODES = EpisodeSettings(quiet_shots=3, quiet_ms=5_000)
SETTINGS = JoinSettings(
    join_lateness_ms=LATENESS_MS,
    roster_learning_ms=1_000,
    silent_after_ms=300,
    silent_after_shots=4,
    incomplete_episodes=EPISODES,
    device_episodes=EPISODES,
)
CONFIGURED = replace(SETTINGS, roster=tuple(device.name for device in DEVICES))

#: What a device does at one shot; mostly it records.
DEEDS = st.sampled_from(["record"] * 12 + ["miss", "dark", "off", "broken", "odd", "copy", "second"])
SHOTS = st.lists(
    st.tuples(
        st.sampled_from([100] * 12 + [200, 700, 30_000]),  # ms since the shot before
        st.lists(DEEDS, min_size=len(DEVICES), max_size=len(DEVICES)),
        st.sampled_from([False] * 6 + [True]),  # the stage is idle
    ),
    min_size=1,
    max_size=60,
)


def rows_of(plan: list[tuple[int, list[str], bool]], seed: int) -> list[Row]:
    """The records of a plan, every shot within its jitter."""
    draw, rows, now_ms = random.Random(seed), [], 0.0  # noqa: S311
    for gap_ms, deeds, idle in plan:
        now_ms += gap_ms
        for device, deed in zip(DEVICES, deeds, strict=True):
            row = Row(device=device, ms=now_ms + draw.choice([0, 1, 2]), strength=draw.uniform(0.9, 1.1))
            row = row.dark() if idle or deed == "dark" else row
            if deed == "off":
                row = row.refused(Refusal.STATE_NOT_ON)
            if deed == "broken":
                row = row.refused(Refusal.WRONG_SHAPE)
            if deed == "odd":
                row = replace(row, anomalous=True, score=4.0)
            if deed != "miss":
                rows.append(row)
            if deed == "copy":
                rows.append(replace(row, admission=Admission.DUPLICATE))
            if deed == "second":
                rows.append(replace(row, ms=row.ms + 2))
    return rows


@dataclass(slots=True)
class Feed:
    """Hands blocks to a join, in any way, and collects what comes out."""

    options: JoinSettings
    draw: random.Random
    restarts: bool = False
    outputs: list[JoinOutput] = field(default_factory=list)

    def run(self, arrivals: list[ScoredBlock]) -> list[JoinOutput]:
        join, read = StageJoin(STAGE, self.options), 0
        for part in arrivals:
            join.add(part)
            read += len(part)
            if self.draw.random() < 0.6:
                self.outputs.append(join.decide())
                left = sum(len(block_) for output in self.outputs for block_ in output.decided)
                assert left + sum(join.pending_records().values()) == read
            if self.restarts and self.draw.random() < 0.2:
                saved = decode_state(encode_state(join.state()))
                join = StageJoin(STAGE, self.options)
                join.restore(saved)
        self.outputs.append(join.finish())
        assert join.pending_records() == {}
        return self.outputs


def cut(rows: list[Row], draw: random.Random) -> list[ScoredBlock]:
    """Rows of one device as blocks of random sizes."""
    parts, start = [], 0
    while start < len(rows):
        size = draw.choice([1, 2, 3, 10, 100])
        parts.append(block(rows[start : start + size]))
        start += size
    return parts


def own_rows(rows: list[Row], device: Device) -> list[Row]:
    return sorted((row for row in rows if row.device == device), key=lambda row: row.ms)


def interleaved(rows: list[Row], draw: random.Random) -> list[ScoredBlock]:
    """Each device's rows in order, the devices in any interleaving, in any blocks."""
    queues = [cut(own_rows(rows, device), draw) for device in sorted({row.device for row in rows})]
    arrivals = []
    while any(queues):
        arrivals.append(draw.choice([queue for queue in queues if queue]).pop(0))
    return arrivals


def result(outputs: list[JoinOutput]) -> tuple[object, ...]:
    """Everything that a user sees of a join, in an order of its own."""
    decided, events, table = merged(outputs)
    rows = sorted(
        (part.scored.device.name, int(t), int(outcome), int(reasons), bool(odd))
        for part in decided
        for t, outcome, reasons, odd in zip(
            part.scored.event_time_ns, part.outcome, part.reasons, part.anomalous, strict=True
        )
    )
    return rows, table, told(events), sorted({(e.alert.id, e.alert.source.path) for e in events})


@settings(deadline=None, max_examples=60)
@given(SHOTS, st.integers(0, 2**32))
def test_interleaving_blocks_and_restarts_change_nothing(plan: list[tuple[int, list[str], bool]], seed: int) -> None:
    rows, draw = rows_of(plan, seed), random.Random(seed)  # noqa: S311
    whole = Feed(CONFIGURED, draw).run([block(own_rows(rows, device)) for device in DEVICES if own_rows(rows, device)])
    expected = result(whole)
    assert result(Feed(CONFIGURED, draw).run(interleaved(rows, draw))) == expected
    assert result(Feed(CONFIGURED, draw, restarts=True).run(interleaved(rows, draw))) == expected


@settings(deadline=None, max_examples=60)
@given(SHOTS, st.integers(0, 2**32), st.booleans())
def test_any_order_within_the_lateness_gives_the_same_triplets(
    plan: list[tuple[int, list[str], bool]], seed: int, configured: bool
) -> None:
    options = CONFIGURED if configured else SETTINGS
    draw = random.Random(seed)  # noqa: S311
    rows = rows_of(
        [(gap, ["record" if deed == "second" else deed for deed in deeds], idle) for gap, deeds, idle in plan], seed
    )
    if not configured:  # everyone is there in the learning time
        rows = rows_of([(100, ["record"] * 4, False)] * 12, seed) + [replace(row, ms=row.ms + 1_200) for row in rows]
    in_order = [block([row]) for row in sorted(rows, key=lambda row: row.ms)]
    arrival = {id(row): row.ms + draw.uniform(0, LATENESS_MS - 10) for row in rows}
    shuffled = [block([row]) for row in sorted(rows, key=lambda row: arrival[id(row)])]
    assert result(Feed(options, draw).run(shuffled)) == result(Feed(options, draw).run(in_order))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 25))
def test_a_learned_roster_does_not_depend_on_which_file_comes_first(seed: int, first: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    rows = rows_of([(100, ["record", "record", "record", "miss"], False)] * 60, seed)
    later = rows_of([(100, ["miss", "miss", "miss", "record"], False)] * 60, seed + 1)
    rows += [row for row in later if row.ms >= 100 * first]
    rows += [Row(device=STRANGE, ms=ms) for ms in (300, 5_000)]

    def arrivals(skew_ms: float) -> list[ScoredBlock]:
        parts = [part for device in {row.device for row in rows} for part in cut_evenly(own_rows(rows, device))]
        delay = {device: draw.uniform(0, skew_ms) for device in {row.device for row in rows}}
        return sorted(parts, key=lambda part: int(part.event_time_ns[-1]) / 1e6 + delay[part.device])

    expected = result(Feed(SETTINGS, draw).run(arrivals(0)))
    for _ in range(3):
        assert result(Feed(SETTINGS, draw).run(arrivals(400))) == expected


def cut_evenly(rows: list[Row]) -> list[ScoredBlock]:
    return [block(rows[start : start + 3]) for start in range(0, len(rows), 3)]


@settings(deadline=None, max_examples=60)
@given(SHOTS, st.integers(0, 2**32), st.lists(st.sampled_from([-3.2e10, -1e7, -3e4, 5e4, 4e6, 3.2e10]), max_size=4))
def test_everything_that_goes_in_comes_out_once(
    plan: list[tuple[int, list[str], bool]], seed: int, wild: list[float]
) -> None:
    """Also what is late, wild, out of order, or more than may wait."""
    draw = random.Random(seed)  # noqa: S311
    rows = rows_of(plan, seed) + [Row(device=draw.choice(DEVICES), ms=ms + draw.randrange(50)) for ms in wild]
    draw.shuffle(rows)
    outputs = Feed(replace(SETTINGS, max_pending_shots=10), draw, restarts=True).run([block([row]) for row in rows])
    decided, _, table = merged(outputs)
    ends = outcomes(decided)
    assert {key: len(words) for key, words in ends.items()} == Counter((r.device.name, r.ms) for r in rows)
    assert sum(tally(decided).values()) == len(rows)
    assert tally(decided)["duplicate"] >= sum(row.admission is Admission.DUPLICATE for row in rows)
    times = [row[0] for row in table]
    assert times == sorted(set(times))
