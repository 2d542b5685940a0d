"""What the contracts' tests share."""

import pytest

from tests.support.async_tests import run_async_test


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests may be coroutines."""
    return run_async_test(pyfuncitem)
