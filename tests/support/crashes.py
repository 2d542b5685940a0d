"""Lets a watch die at a chosen step, in the same process."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class Crash(BaseException):
    """Nothing handles it, so that a watch in the same process ends there as a dead one does."""


@contextmanager
def crash_at(monkeypatch: pytest.MonkeyPatch, where: str, name: str, times: int) -> Iterator[None]:
    """Crash when a function is called for the n-th time, before it does anything."""
    owner: Any = importlib.import_module(where)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    original: Callable[..., Any] = getattr(owner, last)
    calls = 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == times:
            raise Crash(name)
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, last, counted)
        yield
