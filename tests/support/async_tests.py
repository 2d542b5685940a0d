"""Runs tests that are coroutines: each in a loop of its own, in which nothing may be left at the end."""

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

import pytest

_GRACE_S = 30.0


def run_async_test(item: pytest.Function) -> bool | None:
    """For the hook ``pytest_pyfunc_call``: True when it was such a test."""
    if not inspect.iscoroutinefunction(item.obj):
        return None
    names = item._fixtureinfo.argnames
    run_alone(item.obj(**{name: item.funcargs[name] for name in names}))
    return True


async def _nothing_left(work: Coroutine[Any, Any, None]) -> None:
    await work
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=_GRACE_S)
    assert not left, f"still running at the end: {left}"


def run_alone(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a loop of its own, in which nothing may be left at the end."""
    asyncio.run(_nothing_left(work))
