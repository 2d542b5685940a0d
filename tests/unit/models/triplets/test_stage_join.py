"""Every record of a stage ends where it should, and a shot leaves when it may."""

import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from models.devices import Device, parse_device
from models.event_time import MILLISECOND_NS, SECOND_NS
from models.records import Refusal
from models.results import Admission, Reason
from models.state import decode_state, encode_state
from models.triplets.stage_join import JoinOutput, JoinSettings, StageJoin
from tests.unit.models.triplets.stage_records import (
    CAMERA,
    CAMERA_2,
    METER,
    SPECTROMETER,
    STAGE,
    START_NS,
    TRIO,
    Row,
    block,
    blocks,
    merged,
    outcomes,
    shots,
    tally,
    told,
)

NAMES = tuple(device.name for device in TRIO)
SETTINGS = JoinSettings(roster=NAMES)
C, M, S = NAMES


def c(ms: float = 0.0) -> Row:
    return Row(device=CAMERA, ms=ms)


def m(ms: float = 0.0) -> Row:
    return Row(device=METER, ms=ms)


def s(ms: float = 0.0) -> Row:
    return Row(device=SPECTROMETER, ms=ms)


def join_all(rows: list[Row], settings: JoinSettings = SETTINGS) -> JoinOutput:
    join = StageJoin(STAGE, settings)
    for part in blocks(rows):
        join.add(part)
    output = join.finish()
    assert sum(len(part) for part in output.decided) == len(rows)
    assert join.pending_records() == {}
    return output


OFF, SHAPE = Refusal.STATE_NOT_ON, Refusal.WRONG_SHAPE


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The three of a shot at one time.
        ([c(), m(), s()], {(C, 0): ["triplet"], (M, 0): ["triplet"], (S, 0): ["triplet"]}),
        # The whole spread is the jitter, to the nanosecond ...
        ([c(), m(2), s(5)], {(C, 0): ["triplet"], (M, 2): ["triplet"], (S, 5): ["triplet"]}),
        # ... a nanosecond more, and the last record is a shot of its own, as nobody's neighbour would be.
        (
            [c(), m(2), s(5.000001)],
            {(C, 0): ["incomplete"], (M, 2): ["incomplete"], (S, 5.000001): ["idle"]},
        ),
        # A chain of records that are each within the jitter of the next is cut where the first one's jitter ends.
        (
            [c(), m(4), s(8), c(100)],
            {(C, 0): ["incomplete"], (M, 4): ["incomplete"], (S, 8): ["idle"], (C, 100): ["incomplete"]},
        ),
        # Shots may be as close as just over twice the jitter.
        (
            [c(), m(5), s(5), c(10.1), m(10.1), s(15.1)],
            {key: ["triplet"] for key in [(C, 0), (M, 5), (S, 5), (C, 10.1), (M, 10.1), (S, 15.1)]},
        ),
        # Something is missing.
        ([c(), m()], {(C, 0): ["incomplete"], (M, 0): ["incomplete"]}),
        # A refused record counts as missing.
        (
            [c().refused(SHAPE), m(), s()],
            {(C, 0): ["invalid"], (M, 0): ["incomplete"], (S, 0): ["incomplete"]},
        ),
        # So does the energy that is zero although the camera sees beam.
        ([c(), m().dark(), s()], {(C, 0): ["incomplete"], (M, 0): ["invalid"], (S, 0): ["incomplete"]}),
        # The meter measures and the camera is dark: complete, though odd.
        ([c().dark(), m(), s()], {(C, 0): ["triplet"], (M, 0): ["triplet"], (S, 0): ["triplet"]}),
        # Light in the spectrometer alone is no shot.
        ([c().dark(), m().dark(), s()], {(C, 0): ["idle"], (M, 0): ["idle"], (S, 0): ["idle"]}),
        # Idle: what has nothing to measure is idle, what is refused for other reasons is invalid.
        (
            [c().dark(), m().dark(), s().dark()],
            {(C, 0): ["idle"], (M, 0): ["idle"], (S, 0): ["idle"]},
        ),
        (
            [c().dark(), m().refused(OFF), s().refused(SHAPE)],
            {(C, 0): ["idle"], (M, 0): ["invalid"], (S, 0): ["invalid"]},
        ),
        # The device stage knew it already.
        (
            [c(), replace(c(), admission=Admission.DUPLICATE), m(), s(), replace(s(-500), admission=Admission.LATE)],
            {(C, 0): ["duplicate", "triplet"], (M, 0): ["triplet"], (S, 0): ["triplet"], (S, -500): ["late"]},
        ),
        # Two of one device within a shot: the earlier one takes part.
        (
            [c(), c(3), m(), s(5)],
            {(C, 0): ["triplet"], (C, 3): ["unexpected"], (M, 0): ["triplet"], (S, 5): ["triplet"]},
        ),
        # The second is refused: it still is nobody's shot.
        (
            [c(), c(3).refused(SHAPE), m(), s()],
            {(C, 0): ["triplet"], (C, 3): ["invalid"], (M, 0): ["triplet"], (S, 0): ["triplet"]},
        ),
        # Bit for bit the same time, and the device stage let it through.
        ([c(), c(), m(), s()], {(C, 0): ["duplicate", "triplet"], (M, 0): ["triplet"], (S, 0): ["triplet"]}),
        # Not on the roster.
        (
            [c(), m(), s(), Row(device=CAMERA_2, ms=0.0), Row(device=CAMERA_2, ms=100.0).refused(SHAPE)],
            {
                (C, 0): ["triplet"],
                (M, 0): ["triplet"],
                (S, 0): ["triplet"],
                (CAMERA_2.name, 0): ["unexpected"],
                (CAMERA_2.name, 100): ["invalid"],
            },
        ),
    ],
)
def test_where_records_end(rows: list[Row], expected: dict[tuple[str, float], list[str]]) -> None:
    assert outcomes(join_all(rows).decided) == expected


@pytest.mark.parametrize("wild_ms", [-365 * 86_400_000.0, -3_600_000.0, -20_000.0, 20_000.0, 3_600_000.0, 3.2e10])
@pytest.mark.parametrize("device", TRIO)
def test_a_wild_timestamp_is_no_shot_and_moves_nothing(wild_ms: float, device: object) -> None:
    rows = shots(50)
    wild = Row(device=next(d for d in TRIO if d == device), ms=wild_ms)
    # It stands where its time puts it in the block; shots 60 to 69 come behind it.
    join = StageJoin(STAGE, SETTINGS)
    outputs = []
    for part in blocks(sorted([*rows, wild], key=lambda row: row.ms)):
        join.add(part)
        outputs.append(join.decide())
    for part in blocks(shots(10, first=60)):
        join.add(part)
        outputs.append(join.decide())
    for row in shots(1, first=95):  # nothing later than this has come from anyone
        join.add(block([row]))
        outputs.append(join.decide())
    before_the_end = tally(merged(outputs)[0])
    assert before_the_end["late"] == 0
    assert before_the_end["triplet"] >= 150
    decided, _, table = merged([*outputs, join.finish()])
    assert outcomes(decided)[wild.device.name, wild.ms] == ["unexpected"]
    assert tally(decided) == {"triplet": 183, "unexpected": 1}
    assert len(table) == 61


def test_a_snapshot_with_tomorrows_date_does_not_make_today_late() -> None:
    join, outputs = StageJoin(STAGE, SETTINGS), []
    tomorrow = [replace(row, ms=row.ms + 86_400_000) for row in shots(600)]
    for rows in (shots(600), tomorrow, shots(600, first=600), shots(600, first=1_200)):
        for part in blocks(rows):
            join.add(part)
            outputs.append(join.decide())
    assert tally(merged(outputs)[0]) == {"triplet": 5_400}
    assert merged(outputs)[2][-1][0] == START_NS + 179_900 * MILLISECOND_NS
    assert tally(join.finish().decided) == {"triplet": 1_800}


def test_after_a_night_the_first_shots_wait_until_the_jump_is_sure() -> None:
    join = StageJoin(STAGE, replace(SETTINGS, roster_learning_ms=30_000))
    for part in [*blocks(shots(100)), *blocks([replace(row, ms=row.ms + 43_200_000) for row in shots(300)])]:
        join.add(part)
    assert len(join.decide().triplets) == 100
    for part in blocks([replace(row, ms=row.ms + 43_200_000) for row in shots(25, first=300)]):
        join.add(part)
    assert len(join.decide().triplets) == 325


def test_a_complete_shot_leaves_at_once_and_an_incomplete_one_with_the_watermark() -> None:
    join = StageJoin(STAGE, SETTINGS)
    for part in blocks(shots(40)):
        join.add(part)
    # All frontiers are at 3.9 s, the lateness is 2 s: the first ones leave by it, and then all others in sequence.
    assert len(join.decide().triplets) == 40
    for row in [c(4000), m(4000), s(4000)]:
        assert len(join.decide().triplets) == 0
        join.add(block([row]))
    assert len(join.decide().triplets) == 1
    for row in [c(4100), m(4100), c(4200), m(4200), s(4200)]:
        join.add(block([row]))
    # The spectrum of 4.1 s is missing; the complete shot behind it waits, since shots leave in order.
    assert len(join.decide().triplets) == 0
    for device in TRIO:
        join.advance(device, START_NS + 6100 * MILLISECOND_NS)
    assert len(join.decide().triplets) == 0  # exactly the lateness behind
    for device in TRIO:
        join.advance(device, START_NS + 6100 * MILLISECOND_NS + 1)
    output = join.decide()
    assert output.triplets.complete.tolist() == [False, True]
    assert output.triplets.missing_devices == (SPECTROMETER.name, "")


def test_a_silent_device_holds_up_nothing_until_it_reports_again() -> None:
    join = StageJoin(STAGE, SETTINGS)
    for part in blocks([*shots(10), *(row for row in shots(50, first=10) if row.device != METER)]):
        join.add(part)
    assert len(join.decide().triplets) == 0  # the meter may still come with 1.0 s
    join.silence(METER)
    output = join.decide()
    # Shots up to 5.9 s less the lateness leave without it.
    assert output.triplets.event_time_ns[-1] == START_NS + 3_800 * MILLISECOND_NS
    assert output.triplets.complete.sum() == 10
    join.add(block([m(2_000), m(5_000)]))
    decided = join.decide().decided
    assert outcomes(decided) == {(M, 2_000): ["late"]}
    assert outcomes(join.finish().decided)[M, 5_000] == ["triplet"]


def test_records_behind_a_shot_that_has_left() -> None:
    join = StageJoin(STAGE, SETTINGS)
    for part in blocks(shots(40)):
        join.add(part)
    assert len(join.decide().triplets) == 40
    # The last shot is at 3.9 s: the same again, another one in its jitter, and one of an earlier shot.
    join.add(block([c(3_900), c(3_902)]))
    join.add(block([m(3_800)]))
    assert outcomes(join.finish().decided) == {
        (C, 3_900): ["duplicate"],
        (C, 3_902): ["unexpected"],
        (M, 3_800): ["late"],
    }


def test_too_many_waiting_shots_leave_as_they_are() -> None:
    join = StageJoin(STAGE, replace(SETTINGS, max_pending_shots=100))
    for part in blocks([row for row in shots(130) if row.device != METER], 10):
        join.add(part)
    output = join.decide()
    assert output.forced_shots == 30
    assert tally(output.decided) == {"incomplete": 60}
    assert sum(join.pending_records().values()) == 200


def test_rows_say_what_the_join_found() -> None:
    rows = [*shots(1), c(100), m(100), c(200).dark(), m(200), s(200), c(300), m(300), s(300).refused(OFF)]
    output = join_all(rows)
    found = {
        (part.scored.device.name, int(time_ns - START_NS) // MILLISECOND_NS): (Reason(int(reasons)), bool(anomalous))
        for part in output.decided
        for time_ns, reasons, anomalous in zip(part.scored.event_time_ns, part.reasons, part.anomalous, strict=True)
    }
    lacks = Reason.INCOMPLETE | Reason.MISSING_SPECTRUM
    assert found[C, 0] == (Reason.NONE, False)
    assert found[C, 100] == found[M, 100] == (lacks, True)
    assert found[C, 200] == (Reason.NO_BEAM, True)
    assert found[M, 200] == (Reason.NONE, False)
    assert found[S, 300] == (lacks | Reason.STATE_NOT_ON, True)
    table = output.triplets
    assert table.complete.tolist() == [True, False, True, False]
    assert table.anomalous.tolist() == [False, True, True, True]
    assert table.devices.tolist() == [3, 2, 3, 2]
    assert table.reasons.tolist() == [0, lacks, Reason.NO_BEAM, lacks | Reason.STATE_NOT_ON]


def test_triplets_carry_energy_score_and_the_devices_reasons() -> None:
    rows = [replace(c(), score=2.5), replace(m(), strength=3.0, score=4.0, anomalous=True), s()]
    table = join_all(rows).triplets
    assert (table.score[0], table.energy_j[0], table.interval_hz[0]) == (4.0, 3.0, 10.0)
    assert table.reasons[0] == Reason.RESIDUAL
    assert table.anomalous[0]


def test_one_missing_record_in_600_is_one_alert_of_low_severity() -> None:
    rows = shots(600)
    rows.remove(s(30_000))
    output = join_all(rows)
    assert tally(output.decided) == {"triplet": 1797, "incomplete": 2}
    assert told(output.alerts) == [
        ("incomplete_triplet", "", "closed", 30_000, 1),
        ("incomplete_triplet", "", "opened", 30_000, 1),
    ]
    alert = output.alerts[0].alert
    assert (alert.severity.value, alert.reasons) == ("low", ("incomplete", "missing_spectrum"))
    assert alert.source.path == f"/30000/{CAMERA.name}"


def test_episodes_that_end_together_are_told_in_the_same_order_after_a_restore() -> None:
    off = {1: METER, 2: CAMERA}
    rows = [r.refused(OFF) if r.device == off.get(int(r.ms) // 100) else r for r in shots(3)]
    whole, restored = StageJoin(STAGE, SETTINGS), StageJoin(STAGE, SETTINGS)
    opened = []
    for part in blocks([*rows, *(row.dark() for row in shots(40, first=3))], size=1):
        whole.add(part)
        opened += whole.decide().alerts
    assert len({event.alert.id for event in opened}) == 3
    restored.restore(whole.state())
    ended = []
    for join in (whole, restored):
        for part in blocks(row.dark() for row in shots(40, first=4_000)):
            join.add(part)
        ended.append([(event.alert.kind, event.alert.device) for event in join.decide().alerts])
    assert ended == [[("device_state", C), ("device_state", M), ("incomplete_triplet", "")]] * 2


def test_a_device_that_leaves_on_is_one_episode_and_an_idle_stage_is_none() -> None:
    idle = [row.dark() if row.device != SPECTROMETER else row.refused(OFF) for row in shots(20, first=40)]
    rows = [*shots(20), *(r if r.device != METER else r.refused(OFF) for r in shots(20, first=20)), *idle]
    events = told(join_all(rows).alerts)
    assert ("device_state", M, "opened", 2_000, 1) in events
    assert ("device_state", M, "closed", 2_000, 20) in events
    assert {kind for kind, *_ in events} == {"device_state", "incomplete_triplet"}


def test_no_beam_is_an_alert_of_the_camera() -> None:
    rows = [row.dark() if row.device == CAMERA and row.ms >= 500 else row for row in shots(10)]
    assert told(join_all(rows).alerts) == [("no_beam", C, "closed", 500, 5), ("no_beam", C, "opened", 500, 1)]


def test_rules_of_the_join_say_what_they_know() -> None:
    rows = [
        row.dark() if row.device == CAMERA and 500 <= row.ms < 1_000 else row
        for row in shots(200)
        if not (row.device == SPECTROMETER and row.ms >= 10_000)
    ]
    rows = [row.refused(OFF) if row.device == METER and 3_000 <= row.ms < 3_200 else row for row in rows]
    opened = {event.alert.kind.value: event.alert for event in join_all(rows).alerts if event.change.value == "opened"}
    said = {kind: (alert.explanation.text, alert.explanation.cause) for kind, alert in opened.items()}
    assert said == {
        "no_beam": ("the camera sees no beam while 1 J are measured", "missing_beam"),
        "device_state": ("state STANDBY while the stage fires", "state_fault"),
        "device_silent": ("no record of 31 shots in 3.0 s while the stage fires", ""),
        "incomplete_triplet": (f"no energy of {M} (refused: state not on)", "state_fault"),
    }


def test_a_device_that_falls_silent_while_its_stage_fires() -> None:
    # 3 s and 20 shots: at 10 Hz the 31st shot without it tells (3.0 s after the first), and counts them all.
    rows = [row for row in shots(100) if row.device != METER or row.ms < 2_000]
    events = told(join_all(rows).alerts)
    assert ("device_silent", M, "opened", 2_000, 31 - 30) in events
    assert ("device_silent", M, "closed", 2_000, 80) in events
    short = [row for row in shots(100) if row.device != METER or not 2_000 <= row.ms < 5_000]
    assert {kind for kind, *_ in told(join_all(short).alerts)} == {"incomplete_triplet"}
    # While the stage is idle nobody is missed.
    idle = [row.dark() for row in rows if row.device != METER or row.ms < 2_000]
    assert told(join_all(idle).alerts) == []


LEARNING = JoinSettings(roster_learning_ms=1_000, join_lateness_ms=100)


def test_a_stage_learns_whom_to_expect_whatever_comes_first() -> None:
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        join, outputs = StageJoin(STAGE, LEARNING), []
        parts = blocks(shots(11))  # up to the learning time of the first record, not beyond
        for place in order:
            join.add(parts[place])
            outputs.append(join.decide())
        assert all(len(output.triplets) == 0 for output in outputs)
        for part in blocks(shots(20, first=11)):
            join.add(part)
            outputs.append(join.decide())
        decided, _, _ = merged([*outputs, join.finish()])
        assert tally(decided) == {"triplet": 93}


def test_a_stage_without_a_spectrometer_expects_none() -> None:
    rows = shots(30, (CAMERA, METER))
    assert tally(join_all(rows, LEARNING).decided) == {"triplet": 60}


def test_a_device_that_was_never_on_is_not_missed() -> None:
    rows = [row.refused(OFF) if row.device == SPECTROMETER else row for row in shots(30)]
    output = join_all(rows, LEARNING)
    assert tally(output.decided) == {"triplet": 60, "invalid": 30}
    assert output.alerts == []


def test_a_single_shot_has_a_roster_too() -> None:
    assert tally(join_all(shots(1), LEARNING).decided) == {"triplet": 3}


def test_a_name_that_comes_twice_is_no_device() -> None:
    strange = parse_device("LA_A3_31-Camera_9-Camera-9")
    rows = [*shots(40), Row(device=strange, ms=200), Row(device=strange, ms=300)]
    output = join_all(rows, LEARNING)
    assert tally(output.decided) == {"triplet": 120, "unexpected": 2}
    assert output.alerts == []


def test_a_device_that_appears_later_is_expected_two_learning_times_after() -> None:
    join, outputs = StageJoin(STAGE, LEARNING), []
    for first in range(0, 80, 10):
        rows = shots(10, first=first)
        if first >= 20:
            rows += shots(10, (CAMERA_2,), first=first)
        for part in blocks(rows):
            join.add(part)
            outputs.append(join.decide())
    outputs.append(join.finish())
    of_late_one = [words for (name, _), words in outcomes(merged(outputs)[0]).items() if name == CAMERA_2.name]
    # From 2.0 s on it is there, from 4.0 s on it takes part.
    assert of_late_one == [["unexpected"]] * 20 + [["triplet"]] * 40


def test_slow_stages_are_joined_at_once_too() -> None:
    join = StageJoin(STAGE, SETTINGS)
    rows = shots(6, period_ms=60_000)
    for row in rows:
        join.add(block([row], hz=1 / 60))
        output = join.decide()
    # The first leaves with the watermark, the others follow as soon as all have reported.
    assert len(output.triplets) == 1
    assert output.triplets.event_time_ns[0] == START_NS + 300 * SECOND_NS


def test_a_replacement_joins_with_what_was_decided_before() -> None:
    live = StageJoin(STAGE, LEARNING)
    for part in blocks([row for row in shots(100) if row.device != METER or row.ms < 5_000]):
        live.add(part)
    before = live.finish()
    assert tally(before.decided)["incomplete"] == 100
    other = live.for_replacement()
    for decided in before.decided:
        rows = replace(decided.scored, reasons=decided.reasons, anomalous=decided.anomalous, replacement=True)
        if rows.device != METER:
            other.add(rows)
    other.add(replace(block([row for row in shots(100) if row.device == METER]), replacement=True))
    after = other.finish()
    assert tally(after.decided) == {"triplet": 300}
    assert not any(part.anomalous.any() or part.reasons.any() for part in after.decided)
    assert after.alerts == []
    with pytest.raises(ValueError, match="for_replacement"):
        live.add(replace(block([m()]), replacement=True))


def test_a_device_of_another_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="does not belong"):
        StageJoin(STAGE).add(block([Row(device=parse_device("LB_A2_00-Camera_1-Camera-1"), ms=0.0)]))


def sums(count: int, odd: slice, seed: int = 1) -> list[Row]:
    """Shots whose pixel sums follow the energy to 1 %, but for some that have lost a fifth."""
    draw = np.random.default_rng(seed)
    energy, noise = draw.uniform(0.9, 1.1, count), draw.normal(1.0, 0.01, count)
    pixel_sum = 1e6 * energy * noise
    pixel_sum[odd] *= 0.8
    rows = []
    for shot in range(count):
        strength = {CAMERA: float(pixel_sum[shot]), METER: float(energy[shot]), SPECTROMETER: 1.0}
        rows += [Row(device=device, ms=100.0 * shot, strength=strength[device]) for device in TRIO]
    return rows


def test_pixels_that_do_not_follow_the_energy_are_odd() -> None:
    output = join_all(sums(1_000, slice(900, 910)))
    table = output.triplets
    odd = np.flatnonzero(table.reasons & Reason.SUM_AGAINST_ENERGY)
    assert odd.tolist() == list(range(900, 910))
    cameras = [part for part in output.decided if part.scored.device == CAMERA]
    flagged = np.concatenate([part.anomalous for part in cameras])
    assert np.flatnonzero(flagged).tolist() == list(range(900, 910))
    assert not any(part.anomalous.any() for part in output.decided if part.scored.device != CAMERA)
    assert [e for e in told(output.alerts) if e[2] == "opened"] == [("triplet_anomaly", "", "opened", 90_000, 1)]
    assert float(table.score[900]) >= 5.0


@pytest.mark.parametrize(("accepted", "odd"), [(None, 400), (CAMERA, 0), (METER, 0), (SPECTROMETER, 0)])
def test_triplets_are_learned_anew_when_one_of_their_devices_has_a_new_baseline(
    accepted: Device | None, odd: int
) -> None:
    join, rows = StageJoin(STAGE, SETTINGS), sums(1_000, slice(600, 1_000))
    for part in blocks(rows[: 3 * 500]):
        join.add(part)
    join.decide()
    if accepted is not None:
        join.accept_baseline(accepted, START_NS + 60 * SECOND_NS)
    for part in blocks(rows[3 * 500 :]):
        join.add(part)
    found = join.finish().triplets
    assert np.count_nonzero(found.reasons[-400:] & Reason.SUM_AGAINST_ENERGY) == odd
    assert not np.count_nonzero(found.reasons[:-400] & Reason.SUM_AGAINST_ENERGY)


def test_a_baseline_counts_for_a_combination_that_is_seen_later() -> None:
    join, rows = StageJoin(STAGE, SETTINGS), sums(1_000, slice(600, 1_000))
    join.accept_baseline(CAMERA, START_NS + 70 * SECOND_NS)
    restored = StageJoin(STAGE, SETTINGS)
    restored.restore(decode_state(encode_state(join.state())))
    for part in blocks(rows):
        restored.add(part)
    odd = np.flatnonzero(restored.finish().triplets.reasons & Reason.SUM_AGAINST_ENERGY)
    assert odd.tolist() == list(range(600, 700))


@pytest.mark.parametrize(("pause_s", "hz", "odd"), [(100, 10.0, 300), (130, 10.0, 0), (130, 1 / 60, 300)])
@pytest.mark.parametrize("size", [5_000, 7])
def test_a_combination_that_was_away_for_long_is_learned_anew(pause_s: int, hz: float, odd: int, size: int) -> None:
    rows = sums(1_000, slice(700, 1_000))
    rows = [replace(row, ms=row.ms + 1_000 * pause_s * (row.ms >= 70_000)) for row in rows]
    join, reasons = StageJoin(STAGE, SETTINGS), []
    for part in sorted(blocks(rows, size, hz=hz), key=lambda part: int(part.event_time_ns[0])):
        join.add(part)
        if size < len(rows):
            reasons.append(join.decide().triplets.reasons)
    found = np.concatenate([*reasons, join.finish().triplets.reasons])
    assert len(found) == 1_000
    assert np.count_nonzero(found[700:] & Reason.SUM_AGAINST_ENERGY) == odd
    assert not np.count_nonzero(found[:700] & Reason.SUM_AGAINST_ENERGY)


def test_only_what_a_combination_itself_has_missed_is_a_pause() -> None:
    rows = sums(2_500, slice(0, 0))
    away = [row for row in rows if row.device != METER or not 90_000 <= row.ms < 220_000]
    join = StageJoin(STAGE, SETTINGS)
    for part in blocks(away):
        join.add(part)
    join.finish()
    learned = {
        len(entry["devices"]): entry["model"]["distance_tail"]["count"]
        for entry in join.state()["triplet_models"]["models"]
    }
    # Of the 900 shots with the meter, nothing is left at its return; without it, the camera's spectra went on.
    assert learned[3] < 300
    assert learned[2] > 1_000


def test_nothing_is_learned_or_told_of_triplets_where_that_is_off() -> None:
    join = StageJoin(STAGE, replace(SETTINGS, triplet_fpr=0.0))
    for part in blocks(sums(1_000, slice(900, 910))):
        join.add(part)
    output = join.finish()
    assert not output.triplets.anomalous.any()
    assert output.alerts == []
    assert join.state()["triplet_models"]["models"] == []


def test_an_alert_about_a_triplet_says_which_device_departs() -> None:
    output = join_all(sums(1_000, slice(900, 910)))
    opened = next(event.alert for event in output.alerts if event.change.value == "opened")
    assert re.fullmatch(r"image [12]\d % darker than energy and spectrum tell \(.* sigma\)", opened.explanation.text)
    assert opened.explanation.cause == ""


def test_a_replacement_asks_the_models_of_the_live_join_and_teaches_them_nothing() -> None:
    live, rows = StageJoin(STAGE, SETTINGS), sums(1_000, slice(900, 910))
    for part in blocks(rows[: 3 * 800]):
        live.add(part)
    live.finish()
    before = encode_state(live.state())
    other = live.for_replacement()
    for part in blocks(rows[3 * 800 :]):
        other.add(replace(part, replacement=True))
    odd = other.finish().triplets.reasons & Reason.SUM_AGAINST_ENERGY
    assert np.flatnonzero(odd).tolist() == list(range(100, 110))
    assert encode_state(live.state()) == before


def test_a_state_of_before_there_were_triplet_models_is_gone_on_from() -> None:
    join = StageJoin(STAGE, SETTINGS)
    for part in blocks(sums(400, slice(0, 0))):
        join.add(part)
    join.decide()
    old = {name: value for name, value in join.state().items() if name != "triplet_models"} | {"sums": []}
    other = StageJoin(STAGE, SETTINGS)
    other.restore(decode_state(encode_state(old)))
    assert other.state()["triplet_models"] == {"models": [], "baselines_ns": []}
    assert other.state()["matcher"] == join.state()["matcher"]


@pytest.mark.parametrize("teller", [CAMERA, METER, SPECTROMETER])
def test_a_sum_that_follows_from_what_a_device_has_told_is_a_reason_and_no_alert(teller: Device) -> None:
    rows = [
        replace(row, anomalous=True) if row.device == teller and 90_000 <= row.ms < 91_000 else row
        for row in sums(1_000, slice(900, 910))
    ]
    output = join_all(rows)
    assert np.flatnonzero(output.triplets.reasons & Reason.SUM_AGAINST_ENERGY).tolist() == list(range(900, 910))
    assert output.alerts == []


@pytest.mark.parametrize(
    "change",
    [
        {"join_jitter_ms": 0.0},
        {"join_lateness_ms": 4},
        {"silent_after_ms": -1},
        {"silent_after_shots": 0},
        {"wild_ms": 10},
        {"jump_ms": 9_999},
        {"roster_learning_ms": -1},
        {"roster_minimum_records": 0},
        {"max_pending_shots": 0},
        {"triplet_fpr": -1e-4},
        {"triplet_time_constant_shots": 10},
        {"triplet_relearn_after_shots": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    values = {name: getattr(JoinSettings(), name) for name in asdict(JoinSettings())}
    with pytest.raises(ValueError, match="must"):
        JoinSettings(**(values | change))
