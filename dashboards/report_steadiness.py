"""How steady energies and beams were, as parts of a shift report."""

from collections.abc import Iterator

import numpy as np

from dashboards.course_drawing import Course, draw_course
from dashboards.html_page import Markup, figures, html_table, paragraph
from dashboards.shift_report import CameraPointing, MeterEnergy, ShiftReport
from dashboards.words import count_words, figure_words, minute_words
from models.event_time import DAY_NS, MINUTE_NS

_ENERGY_COLUMNS = ("meter", "shots", "mean", "RMS %", "RMS % within", "change %")
_POINTING_COLUMNS = (
    *("camera", "shots", "RMS x", "RMS y", "RMS", "% of D4σ", "4σ", "azimuth"),
    *("within", "change"),
)
# An axis of pointing shows at least so much: the noise of a steady beam is not to look like a drift.
_LEAST_POINTING_PX = 0.5


def energy_parts(report: ShiftReport) -> Iterator[str]:
    """How steady the meters were: a table, and a curve of each."""
    if not report.energies:
        yield paragraph("No meter has measured energy.", quiet=True)
        return
    yield paragraph(
        "Of all shots that the meter saw. RMS: standard deviation over mean; within: of shots about the mean of their "
        f"{_slot(report)}, without what is slower. Change: of a straight line from the first to the last "
        f"{_slot(report)}. The curves are these means, dashed the straight line.",
        quiet=True,
    )
    yield html_table(_ENERGY_COLUMNS, map(_energy, report.energies), numbers=_ENERGY_COLUMNS[1:])
    yield figures(
        (
            each.device.name,
            draw_course([Course(name="mean energy", values=each.slot_means_j)], unit="J", ends=_ends(report)),
        )
        for each in report.energies
    )


def _energy(meter: MeterEnergy) -> tuple[str, ...]:
    found = meter.stability
    return (
        meter.device.name,
        count_words(found.shots),
        f"{figure_words(found.mean_j)} J",
        figure_words(found.rms_percent),
        figure_words(found.rms_within_percent),
        figure_words(found.change_percent, "+.2g"),
    )


def pointing_parts(report: ShiftReport) -> Iterator[str]:
    """How steady the beams stood: a table, and curves of each camera."""
    if not report.pointing:
        yield paragraph("No camera has seen beam.", quiet=True)
        return
    yield paragraph(
        "Standard deviations of the centroid in pixels, along columns (x), rows (y), and of both together, also in "
        "parts of the mean beam diameter (D4σ). 4σ: beam positional stability after ISO 11670, along the axes in which "
        "the centroid moves most and least, azimuth of the wider one against the columns; round: the one figure for a "
        f"movement without a preferred direction, 2√2 RMS. Within: about the mean of each {_slot(report)}. Change: how "
        f"far a straight line leads away. Curves: how far the mean of each {_slot(report)} lies from that of all, "
        "along columns (x, to the right) and rows (y, down), dashed the straight lines.",
        quiet=True,
    )
    yield html_table(_POINTING_COLUMNS, map(_camera, report.pointing), numbers=_POINTING_COLUMNS[1:])
    yield figures((each.device.name, _course(each, _ends(report))) for each in report.pointing)


def _course(camera: CameraPointing, ends: tuple[str, str]) -> Markup:
    """Where the centroid went."""
    if not np.isfinite(camera.slot_means_px).any():
        return Markup("")
    away = camera.slot_means_px - np.nanmean(camera.slot_means_px, axis=0)
    courses = [Course(name=name, values=away[:, axis]) for axis, name in enumerate(("x", "y"))]
    return draw_course(courses, unit="px from the mean", ends=ends, least_span=_LEAST_POINTING_PX)


def _ends(report: ShiftReport) -> tuple[str, str]:
    """Of the axes of time."""
    days = report.from_ns // DAY_NS != (report.to_ns - 1) // DAY_NS
    first, last = (minute_words(at_ns) for at_ns in (report.from_ns, report.to_ns))
    return (first, last) if days else (first[11:], last[11:])


def _camera(camera: CameraPointing) -> tuple[str, ...]:
    found = camera.stability
    axes = (
        f"{figure_words(found.overall_px)} round"
        if found.is_round
        else f"{figure_words(found.major_px)}, {figure_words(found.minor_px)}"
    )
    return (
        camera.device.name,
        count_words(found.shots),
        figure_words(found.rms_x_px),
        figure_words(found.rms_y_px),
        figure_words(found.rms_px),
        figure_words(100 * found.rms_px / camera.diameter_px),
        axes,
        "" if found.is_round or not np.isfinite(found.azimuth_deg) else f"{found.azimuth_deg:.0f}°",
        figure_words(found.within_px),
        figure_words(found.change_px),
    )


def _slot(report: ShiftReport) -> str:
    minutes = report.slot_ns // MINUTE_NS
    return "minute" if minutes == 1 else f"{minutes} minutes"
