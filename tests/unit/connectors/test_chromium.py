"""What is said when a page can't be printed; printing itself is tested with the report."""

from pathlib import Path

import pytest

from connectors.chromium import print_pdf
from models.errors import FatalError


def program(folder: Path, script: str) -> str:
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_without_chromium_the_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        FatalError, match=r"Chromium is not installed; .* report\.chromium, .*--out FILE\.html"
    ) as failure:
        print_pdf("<p>")
    assert failure.value.reason == "chromium_missing"


def test_a_program_that_is_none_is_named() -> None:
    with pytest.raises(FatalError, match=r"report\.chromium names /no/such/program"):
        print_pdf("<p>", "/no/such/program")


def test_what_it_said_is_told_when_there_is_no_pdf(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="made no PDF: no room") as failure:
        print_pdf("<p>", program(tmp_path, "echo 'no room' >&2; exit 3"))
    assert failure.value.reason == "pdf_failed"


def test_what_is_no_pdf_is_refused(tmp_path: Path) -> None:
    script = 'for word in "$@"; do case "$word" in --print-to-pdf=*) echo nothing > "${word#*=}";; esac; done'
    with pytest.raises(FatalError, match="made no PDF: it said nothing"):
        print_pdf("<p>", program(tmp_path, script))


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.chromium._LIMIT_S", 0.5)
    with pytest.raises(FatalError, match="did not end within"):
        print_pdf("<p>", program(tmp_path, "sleep 300 & wait"))
