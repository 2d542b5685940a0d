import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connectors.state.directory import StateDirectory
from models.devices import Stage
from models.errors import FatalError
from models.evaluation import AlertSpan
from models.event_time import parse_iso
from models.simulation.settings import SimulationSettings
from streams.evaluation import evaluate_day, evaluate_state, read_labels, scored_records
from streams.simulation.files import simulate
from tests.unit.connectors.state.examples import commit_of

LABELS: dict[str, Any] = {
    "date": "2022-07-01",
    "hz": 10.0,
    "minutes": 12,
    "labels": [
        {
            "stage": ["LA", "A3", "31"],
            "device": "LA_A3_31-Camera_1-Camera-1",
            "kind": "hot_spot",
            "severity": 0.9,
            "shots": 3,
            "t_first": "09-32-10-100",
            "t_last": "09-32-10-300",
        }
    ],
}
ALERT = AlertSpan(
    stage=Stage("LA", "A3", "31"),
    kind="image_anomaly",
    first_ns=parse_iso("2022-07-01T09:32:10.200Z"),
    last_ns=parse_iso("2022-07-01T09:32:10.300Z"),
)


def table(rows: int = 10, *, dictionary: bool = False) -> pa.Table:
    """Shots 09:32:10.0 to .9 of two stages; .2 and .3 of the first are anomalous, .7 of the second."""
    start = parse_iso("2022-07-01T09:32:10Z")
    times = np.tile(start + np.arange(rows) * 100_000_000, 2)
    anomalous = np.concatenate([np.isin(np.arange(rows), [2, 3]), np.isin(np.arange(rows), [7])])

    def text(values: list[str]) -> pa.Array:
        plain = pa.array(values, pa.string())
        return plain.dictionary_encode() if dictionary else plain

    columns = {
        "event_time": pa.array(times).cast(pa.timestamp("ns", tz="UTC")),
        "front_end": text(["LA"] * 2 * rows),
        "amp": text(["A3"] * 2 * rows),
        "arm": text(["31"] * rows + ["32"] * rows),
        "device": text(["a"] * rows + ["b"] * rows),
        "kind": text(["camera"] * 2 * rows),
        "scoring": text(["scored"] * 2 * rows),
        "score": pa.array(np.zeros(2 * rows, np.float32)),
        "anomalous": pa.array(anomalous),
    }
    one = pa.table(columns)
    return pa.concat_tables([one.slice(0, rows // 2), one.slice(rows // 2)])


@pytest.fixture
def labels_file(tmp_path: Path) -> Path:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(LABELS))
    return path


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_day_is_compared_with_its_labels(labels_file: Path, dictionary: bool) -> None:
    document = evaluate_day(labels_file, table(dictionary=dictionary), [ALERT]).to_json()

    (first, *_) = document["detections"]
    assert (first["kind"], first["severity"]) == ("hot_spot", "strong")
    assert (first["faults"]["count"], first["faults"]["total"]) == (1, 1)
    assert (first["frames"]["count"], first["frames"]["total"]) == (2, 3)
    assert (document["false_positives"]["camera"]["count"], document["false_positives"]["camera"]["total"]) == (1, 17)
    assert sum(rate["count"] for rate in document["false_episodes"].values()) == 0
    json.dumps(document, allow_nan=False)


def test_rows_keep_their_stages(labels_file: Path) -> None:
    records = scored_records(table())

    assert [records.stages[code] for code in records.stage[[0, 9, 10, 19]]] == [
        Stage("LA", "A3", "31"),
        Stage("LA", "A3", "31"),
        Stage("LA", "A3", "32"),
        Stage("LA", "A3", "32"),
    ]
    assert np.flatnonzero(records.anomalous).tolist() == [2, 3, 17]


def test_a_state_directory_is_evaluated_as_it_stands(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(commit_of(0))  # 30 shots of three devices from 09:34:00 on, one alert over the first two
    path = tmp_path / "labels.json"
    label = {**LABELS["labels"][0], "t_first": "09-34-00-000", "t_last": "09-34-00-200"}
    path.write_text(json.dumps({**LABELS, "labels": [label]}))

    document = evaluate_state(path, tmp_path / "state").to_json()

    assert document["detections"][0]["faults"]["count"] == 1
    assert sum(rate["count"] for rate in document["false_episodes"].values()) == 0
    assert sum(document["frames"].values()) == 30
    assert document["frames"]["labelled"] == 3


def test_no_rows_are_no_frames(labels_file: Path) -> None:
    document = evaluate_day(labels_file, table(rows=0), []).to_json()

    assert document["frames"] == {"normal": 0, "labelled": 0, "learning": 0, "dark": 0, "thinned": 0, "none": 0}
    assert document["detections"][0]["frames"]["count"] == 0


@pytest.mark.parametrize(("key", "value"), [("stage", ["LB", "A1", "11"]), ("t_last", "09-31-00-000")])
def test_labels_of_other_shots_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    label = LABELS["labels"][0] | {"t_first": "09-30-00-000" if key == "t_last" else "09-32-10-100", key: value}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(LABELS | {"labels": [label]}))
    with pytest.raises(FatalError, match="name the labels of these shots") as refused:
        evaluate_day(path, table(), [ALERT])
    assert refused.value.reason == "labels_of_other_shots"


def test_the_labels_of_the_simulator_are_read(tmp_path: Path) -> None:
    settings = SimulationSettings(minutes=9, stages=2, hz=1.0)
    simulate(tmp_path, settings)
    faults, rate_hz = read_labels(tmp_path / "labels.json")

    assert rate_hz == 1.0
    assert faults
    for fault in faults:
        assert settings.start_ns + 460 * 10**9 <= fault.first_ns
        assert fault.last_ns - fault.first_ns == (fault.shots - 1) * 10**9


@pytest.mark.parametrize(
    "damage",
    [
        {"date": "yesterday"},
        {"hz": 0},
        {"labels": None},
        {"labels": [{**LABELS["labels"][0], "t_first": "soon"}]},
        {"labels": [{"kind": "hot_spot"}]},
    ],
)
def test_damaged_labels_are_refused_with_a_sentence(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**LABELS, **damage}))

    with pytest.raises(FatalError, match="holds no labels as petawatch simulate writes them"):
        read_labels(path)


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_other_files_are_no_labels(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)

    with pytest.raises(FatalError):
        read_labels(path)


def test_missing_labels_are_said(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="can't read"):
        read_labels(tmp_path / "labels.json")
