"""*Stage*: energies, beams, spectrum and triplets of one stage."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.board import STAGE, Row, board
from dashboards.grafana.incident_table import incident_table, picture_table
from dashboards.grafana.panels import (
    GREEN,
    GREY,
    LATE_SHOTS,
    ORANGE,
    SKY,
    VERMILION,
    YELLOW,
    Link,
    Query,
    bars,
    lines,
    number,
)

_OF = 'stage="$stage"'
_CAMERA = "/d/petawatch-camera?var-stage=${stage}&var-camera=${__field.labels.device}&${__url_time_range}"


def stage() -> model.Dashboard:
    """The dashboard."""
    return board(
        "petawatch-stage",
        "Petawatch: stage",
        "Energies, beams, spectrum and triplets of one stage.",
        [
            Row("$stage", [_complete(), _shots(), _ages()]),
            Row("Energy", [_energy(), _rejections()]),
            Row("Cameras", [_scores(), _drift(), _centroid("x"), _centroid("y"), _width("major"), _width("minor")]),
            Row("Spectrum", [_bandwidth(), _centre()]),
            Row(
                "Incidents",
                [incident_table("Active incidents at $stage", _OF), picture_table("Pictures", _OF)],
            ),
        ],
        [STAGE],
        console="/stages/${stage}",
    )


def _complete() -> model.Panel:
    shots = f"petawatch_triplet_shots_total{{{_OF}, result=~"
    return number(
        "Complete triplets",
        "Of the shots at which the stage fired, those with image, energy and spectrum of all expected devices. Below "
        "99 % a device does not record: see the ages, and the incidents below.",
        Query(
            f'sum(increase({shots}"complete"}}[$__range])) / sum(increase({shots}"complete|incomplete"}}[$__range]))'
        ),
        unit="percentunit",
        width=6,
        height=8,
        thresholds=[(None, VERMILION), (0.95, ORANGE), (0.99, GREEN)],
    )


def _shots() -> model.Panel:
    rate = f"sum(rate(petawatch_triplet_shots_total{{{_OF}, result="
    return lines(
        "Shots per second",
        "Shots by what became of them: complete triplets, incomplete ones, and idle ones at which the stage did not "
        "fire. Incomplete ones are lost for what image, energy and spectrum say together.",
        *(
            Query(f'{rate}"{result}"}}[$__rate_interval]))', result, colour)
            for result, colour in (("complete", GREEN), ("incomplete", VERMILION), ("idle", GREY))
        ),
        unit="reqps",
        width=9,
        minimum=0,
        stacked=True,
    )


def _ages() -> model.Panel:
    return bars(
        "Age of each device's latest shot",
        "A device that ages alone does not record: look at its recorder and its trigger. All of them: the stage "
        "pauses, or nothing is read.",
        Query(f"max by (device) (petawatch_data_age_seconds{{{_OF}}})", "{{device}}"),
        unit="s",
        width=9,
        thresholds=[(None, SKY), *LATE_SHOTS],
    )


def _energy() -> model.Panel:
    return lines(
        "Energy, raw and smoothed",
        "The energy of the latest shot, and the smoothed one, which is some shots behind. Both leave together: the "
        "energy has changed. The raw one alone: single shots, which the guard keeps out of the smoothed one.",
        Query(f"max by (device) (petawatch_energy_joules{{{_OF}}})", "{{device}} raw", SKY),
        Query(f"max by (device) (petawatch_energy_smoothed_joules{{{_OF}}})", "{{device}} smoothed", ORANGE),
        unit="joule",
        width=16,
    )


def _rejections() -> model.Panel:
    return lines(
        "Guard rejections",
        "Readings beyond the guard of the smoothing. A few in a row are outliers; many mean a new level or a meter "
        "that is not well: see `energy_outlier` and `energy_step` among the incidents.",
        Query(
            f"sum by (device) (increase(petawatch_energy_guard_rejections_total{{{_OF}}}[$__rate_interval]))",
            "{{device}}",
        ),
        unit="short",
        width=8,
        minimum=0,
    )


def _scores() -> model.Panel:
    return lines(
        "Largest score of each camera",
        "-log10 of the probability that a normal shot scores as high, the largest of the latest minute: near 3 when "
        "all is normal. One camera alone above 4: look at its picture. Several: look at the first in the beam.",
        Query(f'max by (device) (petawatch_device_score_max{{{_OF}, kind="camera"}})', "{{device}}"),
        unit="none",
        minimum=0,
        limit=4,
        leads_to=Link("This camera", _CAMERA),
    )


def _drift() -> model.Panel:
    return lines(
        "Distance from the usual beam",
        "How far place, size, shape and sum of the beam are from what is usual on that camera. It grows slowly with a "
        "drift, and at once with a step; `petawatch baseline` makes what is shown now the usual.",
        Query(f"max by (device) (petawatch_beam_moments_distance{{{_OF}}})", "{{device}}"),
        unit="none",
        minimum=0,
    )


def _centroid(axis: str) -> model.Panel:
    return lines(
        f"Centroid {axis}",
        f"Where the beam lies on each camera, {'columns' if axis == 'x' else 'rows'} in pixels. The same trend on all "
        "cameras of a stage: the beam is steered before it. One alone: its optics, or the camera itself.",
        Query(f'max by (device) (petawatch_beam_centroid_pixels{{{_OF}, axis="{axis}"}})', "{{device}}"),
        unit="none",
    )


def _width(axis: str) -> model.Panel:
    return lines(
        f"Beam width, {axis} axis",
        "D4sigma width after ISO 11146 along the principal axis, in pixels. Both axes grow: focus or divergence. One "
        "alone: astigmatism, or a part of the beam is cut off.",
        Query(f'max by (device) (petawatch_beam_width_pixels{{{_OF}, axis="{axis}"}})', "{{device}}"),
        unit="none",
        minimum=0,
    )


def _bandwidth() -> model.Panel:
    return lines(
        "Spectrum: bandwidth",
        "Full width at half maximum, in samples of the spectrometer. A narrower spectrum means a longer compressed "
        "pulse: look at the seed and at the gain of the stages before.",
        Query(f"max by (device) (petawatch_spectrum_bandwidth_samples{{{_OF}}})", "{{device}}", SKY),
        unit="none",
    )


def _centre() -> model.Panel:
    return lines(
        "Spectrum: centre",
        "Centre of gravity, in samples of the spectrometer. It moves with the seed, or with the alignment of the "
        "spectrometer: compare the stage before.",
        Query(f"max by (device) (petawatch_spectrum_centre_samples{{{_OF}}})", "{{device}}", YELLOW),
        unit="none",
    )
