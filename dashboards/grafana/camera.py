"""*Camera*: one camera's scores and beam, and its pictures."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.board import CAMERA, STAGE, Row, board
from dashboards.grafana.incident_table import picture_table
from dashboards.grafana.panels import (
    GREEN,
    LATE_SHOTS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Query,
    lines,
    note,
    number,
)

_OF = 'device="$camera"'


def camera() -> model.Dashboard:
    """The dashboard."""
    return board(
        "petawatch-camera",
        "Petawatch: camera",
        "One camera's scores and beam, and its pictures.",
        [
            Row("$camera", [_score_now(), _age(), _model(), _in_the_console()]),
            Row("Scores", [_scores(), _distance()]),
            Row("Beam", [_centroid(), _width(), _sum(), _contrast()]),
            Row("Incidents", [picture_table("Alerts of $camera", 'subject="$camera"', width=24)]),
        ],
        [STAGE, CAMERA],
        console="/cameras/${camera:percentencode}",
    )


def _score_now() -> model.Panel:
    return number(
        "Score of the latest shot",
        "-log10 of the probability that a normal shot scores as high. From 3 on it is one normal frame in a thousand; "
        "an incident opens when several follow each other.",
        Query(f"max(petawatch_device_score{{{_OF}}})"),
        unit="none",
        width=5,
        thresholds=[(None, GREEN), (3, ORANGE), (6, VERMILION)],
    )


def _age() -> model.Panel:
    return number(
        "Age of the latest shot",
        "Since the latest shot that the camera recorded. When it grows while the others of the stage go on, the camera "
        "does not record: look at its trigger and its recorder.",
        Query(f"max(petawatch_data_age_seconds{{{_OF}}})"),
        unit="s",
        width=5,
        thresholds=[(None, GREEN), *LATE_SHOTS],
    )


def _model() -> model.Panel:
    return number(
        "Anomalous images of all cameras",
        "Of all images that were scored in the time shown, those found anomalous: whether this camera is alone.",
        Query(
            'sum(increase(petawatch_anomalous_records_total{kind="camera"}[$__range]))'
            ' / sum(increase(petawatch_scored_records_total{kind="camera", scoring="scored"}[$__range]))'
        ),
        unit="percentunit",
        width=5,
        thresholds=[(None, GREEN), (0.01, ORANGE), (0.1, VERMILION)],
    )


def _in_the_console() -> model.Panel:
    return note(
        "Pictures",
        "The way to the camera's page in the console.",
        "[History, dark profile, hot pixels and reference maps of **$camera**]"
        "(${console}/cameras/${camera:percentencode}) in the console; "
        "[live pictures of all cameras](${console}/).",
        width=9,
    )


def _scores() -> model.Panel:
    return lines(
        "Scores",
        "The score of the latest shot, and the largest of the latest minute of event time: near 3 when all is normal, "
        "since a minute has hundreds of shots. What is above 4 for some minutes is an episode: look at its evidence.",
        Query(f"max(petawatch_device_score{{{_OF}}})", "latest shot", SKY),
        Query(f"max(petawatch_device_score_max{{{_OF}}})", "largest of a minute", ORANGE),
        unit="none",
        minimum=0,
        limit=4,
    )


def _distance() -> model.Panel:
    return lines(
        "Distance from the usual beam",
        "How far place, size, shape and sum of the beam are from what is usual on this camera. It grows slowly with a "
        "drift, and at once with a step; `petawatch baseline` makes what is shown now the usual.",
        Query(f"max(petawatch_beam_moments_distance{{{_OF}}})", "distance", PURPLE),
        unit="none",
        minimum=0,
    )


def _centroid() -> model.Panel:
    return lines(
        "Centroid",
        "Where the beam lies, in pixels from the upper left corner. Its scatter is the pointing stability; its trend "
        "is a drift of the steering before the camera.",
        *(
            Query(f'max(petawatch_beam_centroid_pixels{{{_OF}, axis="{axis}"}})', axis, colour)
            for axis, colour in (("x", SKY), ("y", ORANGE))
        ),
        unit="none",
    )


def _width() -> model.Panel:
    return lines(
        "Beam width",
        "D4sigma widths after ISO 11146 along the principal axes, in pixels. Both grow: focus or divergence. One "
        "alone: astigmatism, or a part of the beam is cut off.",
        *(
            Query(f'max(petawatch_beam_width_pixels{{{_OF}, axis="{axis}"}})', f"{axis} axis", colour)
            for axis, colour in (("major", SKY), ("minor", ORANGE))
        ),
        unit="none",
        minimum=0,
    )


def _sum() -> model.Panel:
    return lines(
        "Sum of the pixels",
        "Counts above the pedestal. It follows the energy of the stage; when it does not, filters were changed, or the "
        "camera saturates.",
        Query(f"max(petawatch_beam_sum_counts{{{_OF}}})", "sum", YELLOW),
        unit="none",
        minimum=0,
    )


def _contrast() -> model.Panel:
    return lines(
        "Contrast of the brightest spot",
        "How much brighter the brightest spot is than the beam around it. A rise in the near field means damage or "
        "dust before the camera, and danger for the optics behind: look at the picture at once.",
        Query(f"max(petawatch_beam_hot_spot_contrast{{{_OF}}})", "contrast", VERMILION),
        unit="none",
        minimum=0,
    )
