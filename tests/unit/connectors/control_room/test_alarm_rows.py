"""Alerts beside their alarms come back as they were, and SQLite can look into them."""

import math
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from connectors.control_room.alarm_rows import alert_of_text, alert_text
from tests.support.alarms import alert


@pytest.mark.parametrize("score", [0.0, 9.25, math.nan])
def test_an_alert_comes_back_whatever_its_score(score: float) -> None:
    one = replace(alert(), score=score)
    text = alert_text(one)
    again = alert_of_text(text)
    assert replace(again, score=0.0) == replace(one, score=0.0)
    assert again.score == one.score or (math.isnan(again.score) and math.isnan(one.score))
    with closing(sqlite3.connect(":memory:")) as connection:
        [(found,)] = connection.execute("SELECT json_extract(?, '$.score')", (text,))
    assert found == (None if math.isnan(score) else score)
