"""The SHA-256 of a file."""

import hashlib
from pathlib import Path

import pytest

from connectors.file_hash import file_sha256

# Nothing, less than a buffer, and more than several.
CONTENTS = (b"", b"a snapshot", bytes(range(256)) * 8000)


@pytest.mark.parametrize("content", CONTENTS, ids=len)
@pytest.mark.parametrize("from_disk", [False, True])
def test_it_is_that_of_the_whole_content(tmp_path: Path, content: bytes, from_disk: bool) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert file_sha256(file, from_disk=from_disk) == hashlib.sha256(content).hexdigest()


def test_a_file_that_is_not_there_is_the_callers_matter(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_sha256(tmp_path / "none")
