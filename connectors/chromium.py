"""Chromium as a printer: a page of HTML becomes a PDF. Nothing of it stays, and it asks nobody for anything."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from models.errors import FatalError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
)
_LIMIT_S = 120.0
_PAGE = re.compile(rb"/Type\s*/Page\b")


def print_pdf(page: str, program: str = "") -> bytes:
    """A page as a PDF, on the paper that its style names.

    Parameters
    ----------
    page
        HTML that holds all it needs.
    program
        Chromium's, by its path or name; empty: whatever is found under the usual names.

    Raises
    ------
    FatalError
        ``chromium_missing``, ``pdf_failed``.
    """
    chromium = find_chromium(program)
    with tempfile.TemporaryDirectory(prefix="petawatch-pdf-") as folder:
        html, pdf = Path(folder, "page.html"), Path(folder, "page.pdf")
        html.write_text(page, encoding="utf-8")
        # Its sandbox is made by the kernel for users, and refuses root.
        flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        command = [chromium, *flags, f"--user-data-dir={folder}/profile", f"--print-to-pdf={pdf}", html.as_uri()]
        said = _run(command)
        data = pdf.read_bytes() if pdf.is_file() else b""
    if not data.startswith(b"%PDF") or not _PAGE.search(data):
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
        raise FatalError(f"Chromium ({chromium}) made no PDF: {last[:300]}", reason="pdf_failed")
    return data


def find_chromium(program: str = "") -> str:
    """The path of Chromium's program; ``program`` as for ``print_pdf``.

    Raises
    ------
    FatalError
        ``chromium_missing``.
    """
    found = next((path for path in map(shutil.which, [program] if program else _NAMES) if path), None)
    if found is None:
        what = f"report.chromium names {program}, which is no program" if program else "Chromium is not installed"
        raise FatalError(
            f"{what}; PDFs are printed by it: install it, or give its program as report.chromium, or write the report "
            "as HTML (--out FILE.html), which any browser prints",
            reason="chromium_missing",
        )
    return found


def _run(command: list[str]) -> str:
    """What it said; it and all that it has started has ended."""
    # A session of its own, so that its helpers end with it.
    with subprocess.Popen(  # noqa: S603 - no shell; the program is the operator's
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            _, said = process.communicate(timeout=_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, 9)
            raise FatalError(
                f"Chromium ({command[0]}) did not end within {_LIMIT_S:g} s", reason="pdf_failed"
            ) from error
    return said.decode(errors="replace")
