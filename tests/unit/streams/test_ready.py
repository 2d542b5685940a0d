import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import sys
from pathlib import Path

import pytest
from streams.settings import load_settings
from streams.watch import open_watch

data, state = map(Path, sys.argv[1:])
with open_watch([data], state, load_settings(None)) as watch:
    watch.run_once()
print(*sys.modules)
"""


def test_a_watch_is_ready_without_what_takes_long_to_import(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path / "data"), str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "streams.watch" in imported
    assert not imported & {"tensorflow", "keras", "pandas", "scipy.special", "scipy.stats", "onnx", "matplotlib"}


@pytest.mark.parametrize("module", ["streams.deciding", "streams.console.server"])
def test_a_laboratory_without_kafka_does_not_import_its_client(module: str) -> None:
    command = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert module in imported
    assert "kafka" not in imported
