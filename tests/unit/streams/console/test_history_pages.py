"""Series, charts and maps of the history pages."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.event_time import EARLIEST_NS, LATEST_NS, MINUTE_NS, SECOND_NS, format_iso
from models.images.camera_maps import camera_maps
from models.records import IMAGE_SHAPE
from models.state import decode_state
from streams.console.pages.asked_stretch import asked_stretch
from tests.support.console_state import camera_state, write_state
from tests.support.consoles import HTML, console_client
from tests.unit.connectors.state.examples import CAMERA, METER, STAGE, START_NS, triplets

FROM_S, TO_S = START_NS / SECOND_NS, (START_NS + 2 * MINUTE_NS) / SECOND_NS


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    state = tmp_path_factory.mktemp("state")
    write_state(state)
    return console_client(state)


def test_every_series_that_a_page_draws_can_be_had(client: TestClient) -> None:
    stretch = f"?from={format_iso(START_NS)}&to={format_iso(START_NS + 2 * MINUTE_NS)}"
    for path in (f"/stages/{STAGE}", f"/cameras/{CAMERA.name}"):
        page = client.get(path + stretch, headers=HTML).text
        charts = [json.loads(unescape(text)) for text in re.findall(r"data-chart='([^']*)'", page)]
        assert len(charts) >= 6
        for chart in charts:
            for curve in chart["curves"]:
                asked = {"from_s": FROM_S, "to_s": TO_S, "columns": curve["column"]}
                if curve["source"].startswith("/stages/"):
                    del asked["columns"]
                series = client.get(curve["source"], params=asked).json()
                column = series["columns"][curve["column"]]
                assert len(column["mean"]) == len(series["time_s"]) > 100
                assert any(value is not None for value in column[{"band": "least"}.get(curve["shown"], curve["shown"])])


def test_a_series_is_as_fine_as_its_stretch_allows(client: TestClient) -> None:
    path = f"/devices/{METER.name}/series"
    whole = client.get(path, params={"from_s": FROM_S, "to_s": TO_S, "columns": "energy_j,score", "points": 60}).json()
    part = client.get(path, params={"from_s": FROM_S, "to_s": FROM_S + 5, "columns": "energy_j", "points": 60}).json()
    assert len(whole["time_s"]) <= 60
    assert sum(whole["rows"]) == 1_200
    assert part["rows"] == [1] * 50
    assert part["columns"]["energy_j"]["least"] == part["columns"]["energy_j"]["greatest"]


def test_frames_without_beam_are_counted_and_axes_know_what_is_usual(client: TestClient) -> None:
    asked = {"from_s": FROM_S, "to_s": TO_S, "points": 60, "columns": "centroid_x_px,no_beam_peak_counts"}
    series = client.get(f"/devices/{CAMERA.name}/series", params=asked).json()
    assert 0 < sum(series["without"]) < sum(series["rows"]) / 2
    assert 0 < sum(series["refused"]) < sum(series["rows"]) / 2
    for column in series["columns"].values():
        low, high = column["usual"]
        assert min(filter(None, column["least"])) - 1 <= low < high <= max(filter(None, column["greatest"])) + 1
    page = unescape(client.get(f"/cameras/{CAMERA.name}", headers=HTML).text)
    charts = [json.loads(text) for text in re.findall(r"data-chart='([^']*)'", page)]
    assert {chart["without"] for chart in charts} == {"frames without beam"}
    assert {"Without beam: sum of the pixels", "Without beam: brightest pixel"} < {chart["title"] for chart in charts}


def test_complete_shots_are_of_those_that_fired(client: TestClient) -> None:
    series = client.get(f"/stages/{STAGE}/series", params={"from_s": FROM_S, "to_s": TO_S, "points": 20}).json()
    # Of ten shots one is idle, and one of the others lacks something.
    assert set(series["columns"]["complete_percent"]["mean"]) == {88.8889}


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        (f"/devices/{METER.name}/series", {"columns": "energy_j,password"}, 422),
        (f"/devices/{METER.name}/series", {"to_s": FROM_S}, 422),
        (f"/devices/{METER.name}/series", {"points": 1_000_000}, 422),
        (f"/devices/{METER.name}/series", {"from_s": "nan"}, 422),
        (f"/devices/{METER.name}/series", {"from_s": -1e300}, 422),
        ("/stages/nothing/series", {}, 404),
        ("/devices/nobody/series", {}, 200),
        (f"/devices/{METER.name}/series", {"from_s": EARLIEST_NS / 1e9, "to_s": LATEST_NS / 1e9}, 200),
        (f"/stages/{STAGE}/series", {"from_s": EARLIEST_NS / 1e9, "to_s": LATEST_NS / 1e9}, 200),
    ],
)
def test_what_can_not_be_asked(client: TestClient, path: str, asked: dict[str, object], status: int) -> None:
    assert client.get(path, params={"from_s": FROM_S, "to_s": TO_S, **asked}).status_code == status


def test_a_camera_s_maps_are_those_of_its_state(client: TestClient) -> None:
    maps = camera_maps(decode_state(camera_state()))
    for name in ("pedestal", "defective", "residual_sigma"):
        answer = client.get(f"/cameras/{CAMERA.name}/maps/{name}")
        values = np.frombuffer(answer.content, "<f4").reshape(IMAGE_SHAPE)
        assert np.array_equal(values, getattr(maps, name))
    assert client.get(f"/cameras/{CAMERA.name}/maps/model").status_code == 404
    assert client.get("/cameras/LA_A3_31-Camera_7-Camera-1/maps/pedestal").status_code == 404
    page = client.get(f"/cameras/{CAMERA.name}", headers=HTML).text
    assert page.count("data-map=") == 5


def test_episodes_of_the_stretch_are_marked(client: TestClient) -> None:
    def marked(query: str) -> int:
        return str(client.get(f"/stages/{STAGE}?{query}", headers=HTML).text).count("data-episode ")

    # All are open: they go on until now.
    assert marked("from=2022-07-01T09:00&to=2022-07-01T10:00") == 3
    assert marked("from=2022-07-01T09:00&to=2022-07-01T09:40") == 1
    assert marked("from=2022-07-01T08:00&to=2022-07-01T09:00") == 0


def test_the_latest_stretch_is_as_long_as_there_are_data(client: TestClient, tmp_path: Path) -> None:
    def shown_s(client: TestClient, query: str = "") -> tuple[float, float]:
        page = str(client.get(f"/stages/{STAGE}{query}", headers=HTML).text)
        ends = [re.search(rf'data-{name}="([\d.]+)"', page) for name in ("from", "to")]
        return tuple(float(end[1]) for end in ends if end)  # type: ignore[return-value]

    end_s = MINUTE_NS / SECOND_NS * (TO_S * SECOND_NS // MINUTE_NS)
    assert shown_s(client) == (end_s - 600, end_s)
    assert shown_s(client, f"?to={format_iso(int(end_s * SECOND_NS))}") == (end_s - 8 * 3600, end_s)

    write_state(tmp_path)
    for minutes_later, length_s in ((30, 3600), (70, 8 * 3600), (24 * 60, 600)):
        with StateDirectory.open(tmp_path) as directory:
            directory.commit(Commit(triplets=[triplets(start_ns=START_NS + minutes_later * MINUTE_NS)]))
        from_s, to_s = shown_s(console_client(tmp_path))
        assert to_s - from_s == length_s


def test_the_stretch_of_an_address(tmp_path: Path) -> None:
    latest = asked_stretch("", "", lambda: 5 * MINUTE_NS, MINUTE_NS)
    assert (latest.from_ns, latest.to_ns, latest.asked) == (4 * MINUTE_NS, 5 * MINUTE_NS, False)
    one_end = asked_stretch("1970-01-01T00:10", "", lambda: None, MINUTE_NS)
    assert (one_end.from_ns, one_end.to_ns, one_end.asked) == (10 * MINUTE_NS, 11 * MINUTE_NS, True)
    assert one_end.moved(-1) == {"from_": "1970-01-01T00:09:00.000Z", "to": "1970-01-01T00:10:00.000Z"}
    nothing = asked_stretch("", "", lambda: None, MINUTE_NS)
    assert nothing.to_ns - nothing.from_ns == MINUTE_NS
