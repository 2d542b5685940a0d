"""What programs are told of a request that can't be taken: one sentence with what, where, and what is taken."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.consoles import console_client
from tests.support.signing_in import operating_program

_ALARM = "/api/v1/alarms/0123456789abcdef"


@pytest.mark.parametrize(
    ("path", "body", "reason", "sentence"),
    [
        ("acknowledge", {"reason": "x"}, "unknown_field", "There is no field 'reason' here. There is why."),
        (
            "shelve",
            {"why": "x", "untill": "y"},
            "bad_request",
            "`until` in the body: it is missing.",
        ),
        (
            "shelve",
            {"until": "2022-07-01", "why": "x", "whi": "y" * 99},
            "unknown_field",
            "There is no field 'whi' here; did you mean `why`? There are why, until.",
        ),
        ("take-out", {"why": ""}, "bad_request", "`why` in the body: it must not be empty."),
        ("take-out", {"why": 5}, "bad_request", "`why` in the body: it takes a text, in quotation marks."),
        ("take-out", {"why": "x" * 1_001}, "bad_request", "`why` in the body: it has at most 1,000 characters."),
        ("take-out", ["x"], "bad_request", "The body is no JSON object; send an object with why."),
        ("take-out", None, "bad_request", "The body is no JSON object; send an object with why."),
    ],
)
def test_a_body_is_told_what_it_may_have(tmp_path: Path, path: str, body: Any, reason: str, sentence: str) -> None:
    answer = operating_program(tmp_path).post(f"{_ALARM}/{path}", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["detail"], problem["reason"]) == (422, sentence, reason)


def test_what_is_no_json_at_all_is_told_what_to_send(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    answer = operating_program(tmp_path).post(f"{_ALARM}/acknowledge", content='{"why": ', headers=headers)
    sentence = "The body is no JSON; send an object with why."
    assert (answer.status_code, answer.json()["detail"]) == (422, sentence)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return console_client(tmp_path)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (
            "alarms/3F9A",
            "`alarm_id` in the path can't be '3F9A': an id has 16 digits, each 0 to 9 or a to f; take it whole",
        ),
        (
            "receipts?subject=x",
            "`subject` in the query can't be 'x': an id has 16 digits, each 0 to 9 or a to f; take it whole",
        ),
        ("episodes?stage=" + "x" * 101, "`stage` in the query can't be 'xxx"),
        ("shots?limit=1001", "`limit` in the query can't be '1001': it is 1,000 or less."),
        ("shots?limit=few", "`limit` in the query can't be 'few': it is a whole number."),
        ("shots?anomalous=odd", "`anomalous` in the query can't be 'odd': it is true or false."),
        ("episodes?kind=elephant", "`kind` in the query can't be 'elephant': it is one of 'image_anomaly', "),
        ("shots?device=" + "x" * 101, "`device` in the query can't be 'xxx"),
        ("shots?format=csv", "`format` in the query can't be 'csv': it is one of 'json' or 'arrow'."),
    ],
)
def test_a_parameter_is_told_what_it_takes(client: TestClient, question: str, sentence: str) -> None:
    problem = client.get(f"/api/v1/{question}").json()
    assert problem.get("detail", "").startswith(sentence)
    assert len(problem.get("detail", "")) < 600
