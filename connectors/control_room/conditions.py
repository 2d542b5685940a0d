"""Conditions of a question in SQL, put together from those that are asked for."""

from collections.abc import Iterable


def all_of(*asked: tuple[bool, str, Iterable[object]]) -> tuple[str, list[object]]:
    """Those that are asked for, all of which have to hold, with their values.

    Parameters
    ----------
    asked
        Whether it is asked for, its text, its values.
    """
    found = [(text, values) for wanted, text, values in asked if wanted]
    return " AND ".join(text for text, _ in found) or "TRUE", [value for _, values in found for value in values]
