import ctypes
import subprocess
import sys

import pytest

_SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from connectors.process_memory import return_large_arrays

def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6

if sys.argv[1] == "yes":
    return_large_arrays()
np.ones(3 << 20)  # freed at once: by default arrays up to this size live in the heap from now on
before = resident_mb()
arrays, between = [], []
for _ in range(40):
    arrays.append(np.ones(1 << 18))  # 2 MiB
    between.append(np.ones(1 << 10))  # keeps what is before it in its place
del arrays
print(resident_mb() - before)
"""


@pytest.mark.parametrize(("called", "kept"), [("yes", False), ("no", True)])
def test_freed_arrays_go_back_to_the_system(called: str, kept: bool) -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("glibc is missing")
    done = subprocess.run([sys.executable, "-c", _SCRIPT, called], capture_output=True, text=True, check=True)
    assert (float(done.stdout) > 15) == kept, done.stdout
