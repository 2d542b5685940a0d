"""A shift report as a file."""

from pathlib import Path

from connectors.chromium import print_pdf
from connectors.durable_files import replace_file
from dashboards.report_page import report_page
from dashboards.shift_report import ShiftReport
from models.errors import FatalError
from streams.report.settings import ReportSettings


def written_report(report: ShiftReport, out: Path, settings: ReportSettings) -> None:
    """Write a report as HTML, or as PDF where the file's name ends so; the file is whole or not there.

    Raises
    ------
    FatalError
        ``chromium_missing``, ``pdf_failed``; ``report_unwritten`` when the file can't be written.
    """
    page = report_page(report)
    data = print_pdf(page, settings.chromium) if out.suffix.lower() == ".pdf" else page.encode()
    try:
        replace_file(out, data)
    except OSError as error:
        raise FatalError(f"can't write {out}: {error.strerror or error}", reason="report_unwritten") from error
