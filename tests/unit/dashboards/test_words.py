"""Figures, ages and sentences as pages and reports write them."""

import pytest

from dashboards.printable import printable
from dashboards.words import count_words, figure_words, minute_words, percent_words, sentence_words, span_words
from models.event_time import SECOND_NS


@pytest.mark.parametrize(
    ("part", "whole", "words"), [(3, 3, "100.00"), (99_999, 100_000, "99.99"), (0, 7, "0.00"), (0, 0, "-")]
)
def test_only_all_of_them_are_a_hundred_percent(part: int, whole: int, words: str) -> None:
    assert percent_words(part, whole) == words


def test_what_is_not_known_has_no_figure() -> None:
    assert [figure_words(value) for value in (12.345, 0.00012345, float("nan"))] == ["12.3", "0.000123", "-"]
    assert figure_words(1.26, "+.2g") == "+1.3"


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-"), (0.4, "0.4 s"), (90, "1.5 min"), (7_200, "2.0 h"), (129_600, "1.5 d")]
)
def test_ages_have_their_natural_unit(seconds: float | None, words: str) -> None:
    assert span_words(seconds) == words


def test_a_time_has_seconds_where_there_are_some() -> None:
    assert [minute_words(seconds * SECOND_NS) for seconds in (120, 121)] == ["1970-01-01 00:02", "1970-01-01 00:02:01"]


def test_a_sentence_begins_large_and_ends() -> None:
    assert sentence_words("the store is away") == "The store is away."
    assert sentence_words("SQLite is busy") == "SQLite is busy."


def test_counts_may_be_shown_anywhere() -> None:
    assert printable(count_words(19_800)) == "19,800"
