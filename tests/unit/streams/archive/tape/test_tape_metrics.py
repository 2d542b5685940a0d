"""What Prometheus is told of the keeper of the tapes, and what its health says."""

import json
from http import HTTPStatus

import pytest

from models.alerts.alert import AlertKind
from models.alerts.facility_alerts import TapeReason
from servers.prometheus_server import promtool
from streams.archive.tape.tape_alerts import Need
from streams.archive.tape.tape_metrics import HANGS_AFTER_S, TapeMetrics
from streams.http_health import HealthServer
from tests.support.manual_clock import ManualClock
from tests.unit.streams.test_measurement_metrics import read

FAILED = Need(AlertKind.TAPE_TROUBLE, "one", TapeReason.WRITE_FAILED)
WANTED = Need(AlertKind.TAPE_WANTED, "tape", TapeReason.NO_ROOM)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics(clock: ManualClock) -> TapeMetrics:
    return TapeMetrics(clock)


def test_needs_are_counted_by_reason_and_go_when_they_are_met(metrics: TapeMetrics) -> None:
    def needs() -> dict[str, float]:
        return {
            name: value for name, value in read(metrics.registry).items() if name.startswith("petawatch_tape_needs")
        }

    assert len(needs()) == len(TapeReason)
    assert set(needs().values()) == {0}
    metrics.round_ended([FAILED, FAILED._replace(where="two"), WANTED], bundles=3)
    assert needs()["petawatch_tape_needs{kind=tape_trouble,reason=write_failed}"] == 2
    assert needs()["petawatch_tape_needs{kind=tape_wanted,reason=no_room}"] == 1
    assert read(metrics.registry)["petawatch_tape_bundles{}"] == 3
    metrics.round_ended([], bundles=0)
    assert set(needs().values()) == {0}


def test_a_round_that_does_not_end_makes_it_ill(metrics: TapeMetrics, clock: ManualClock) -> None:
    with HealthServer("127.0.0.1:0", metrics, clock, stalled_after_s=HANGS_AFTER_S) as health:
        clock.advance(HANGS_AFTER_S - 1)
        assert health.answer("/healthz", "").status == HTTPStatus.OK
        clock.advance(2)
        assert read(metrics.registry)["petawatch_tape_round_age_seconds{}"] == HANGS_AFTER_S + 1
        ill = health.answer("/healthz", "")
        assert ill.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert "has not moved" in json.loads(ill.body)["reason"]
        metrics.round_ended([], bundles=0)
        assert b"petawatch_tape_round_age_seconds 0.0" in health.answer("/metrics", "").body


@pytest.mark.usefixtures("prometheus_programs")
def test_promtool_finds_nothing_to_complain_about(metrics: TapeMetrics, clock: ManualClock) -> None:
    with HealthServer("127.0.0.1:0", metrics, clock) as health:
        done = promtool("check", "metrics", given=health.answer("/metrics", "").body.decode())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
