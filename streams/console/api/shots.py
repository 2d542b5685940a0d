"""Records: one row of verdict and features each."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from connectors.state.row_columns import Rows
from connectors.state.row_stream import RowQuestion
from models.devices import RecordKind, parse_device
from models.results import Outcome
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit
from streams.console.api.questions import AnomalousAsked, DevicePattern, StagePattern, StretchAsked, fits
from streams.console.api.route import JSON_TYPE, ApiRoute, offering
from streams.console.api.rows import (
    ARROW_TYPE,
    ROW_RESPONSES,
    Fields,
    Format,
    RowPage,
    chosen_columns,
    rows_answer,
)

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["rows"])


class Shot(Answer):
    """One device's record of one shot. With `fields` only these are there; what is not known is null."""

    event_time: str | None = Field(None, description="When the shot was taken: ISO 8601 in UTC, to the nanosecond.")
    front_end: str | None = Field(None, description="`LA` or `LB`; empty for a device whose name says none.")
    amp: str | None = Field(None, description="`FE`, `A1`, `A2`, `A3`, or two letters of diagnostics behind them.")
    arm: str | None = Field(None, description="`00`, `11`, `12`, `31` or `32`.")
    device: str | None = Field(None, description="Name as the control system writes it.")
    kind: str | None = Field(None, description="`camera`, `energy_meter`, `spectrometer` or `other`.")
    state: str | None = Field(None, description="Of the device, as recorded: `ON`, `FAULT` ...")
    valid: bool | None = Field(None, description="Whether the record counts.")
    refusal: str | None = Field(None, description="Why it does not count.")
    outcome: str | None = Field(None, description="Where the record ended, a word of the ledger.")
    scoring: str | None = Field(None, description="`none`, `learning`, `scored`, `dark` or `thinned`.")
    score: float | None = Field(None, description="-log10 of the corrected tail probability; null: not scored.")
    anomalous: bool | None = Field(None, description="After the join.")
    reasons: list[str] | None = Field(None, description="What is odd about it.")
    pixel_sum_counts: float | None = Field(None, description="Sum of the cleaned image, counts.")
    centroid_x_px: float | None = Field(None, description="Of the beam, px, 0 to 127.")
    centroid_y_px: float | None = Field(None, description="Of the beam, px, 0 to 101.")
    d4sigma_major_px: float | None = Field(None, description="ISO 11146 diameter along the major axis, px.")
    d4sigma_minor_px: float | None = Field(None, description="Along the minor axis, px.")
    ellipticity: float | None = Field(None, description="Minor over major diameter, 0 to 1.")
    angle_rad: float | None = Field(
        None, description="Of the major axis to the x axis, rad, above -pi/2 and up to pi/2."
    )
    peak_counts: float | None = Field(None, description="Brightest pixel, counts.")
    hot_spot_contrast: float | None = Field(
        None, description="Of the brightest 3 x 3 pixels: 1 - median around / mean; at most 1."
    )
    saturated_fraction: float | None = Field(None, description="Of the pixels, 0 to 1.")
    residual_max_z: float | None = Field(None, description="Largest residual, in sigmas of the camera's own frames.")
    latent_distance: float | None = Field(None, description="Of the latent vector from the usual ones, in sigmas.")
    moments_distance: float | None = Field(None, description="Of the beam's moments from the usual ones, in sigmas.")
    energy_j: float | None = Field(None, description="Measured, J.")
    energy_smooth_j: float | None = Field(None, description="Smoothed, J; of a shot some shots earlier.")
    energy_z: float | None = Field(None, description="Distance from the smoothed one, in sigmas.")
    spectrum_sum: float | None = Field(None, description="Sum of the spectrum, in its own unit.")
    spectrum_centre: float | None = Field(None, description="Centre of gravity, sample number from 0.")
    spectrum_fwhm: float | None = Field(None, description="Full width at half maximum, samples.")
    spectrum_rms_width: float | None = Field(None, description="Root mean square width, samples.")
    spectrum_peaks: float | None = Field(None, description="How many peaks.")
    spectrum_max_z: float | None = Field(None, description="Largest deviation from the reference, in sigmas.")
    spectrum_moments_distance: float | None = Field(None, description="Of its moments from the usual ones, in sigmas.")
    interval_hz: float | None = Field(None, description="Rate by the snapshot's folder, Hz.")
    model: str | None = Field(None, description="Id of the model that scored.")
    file: str | None = Field(None, description="Snapshot, below the watched folder.")
    sha256: str | None = Field(None, description="Of the snapshot's content, hex.")


class Shots(RowPage[Shot]):
    """Some records."""


@router.get(
    "/shots",
    response_model=Shots,
    responses=ROW_RESPONSES,
)
@offering(JSON_TYPE, ARROW_TYPE)
def shots(
    request: Request,
    stretch: StretchAsked,
    device: DevicePattern = "",
    stage: StagePattern = "",
    kind: Annotated[RecordKind | None, Query(description="Records of these devices alone.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Those that ended so.")] = None,
    anomalous: AnomalousAsked = None,
    fields: Fields = None,
    format: Format = None,  # noqa: A002 - the parameter's name
    cursor: Cursor = None,
    limit: Limit = USUAL_PAGE,
) -> Answer | Response:
    """Records by event time, then device. Every record has one row, duplicates and late ones too.

    As Arrow the answer is what `petawatch export --what shots` writes, in batches.
    """
    words = {"kind": kind, "outcome": outcome}
    question = RowQuestion(
        what=Rows.SHOTS,
        from_ns=stretch.from_ns,
        to_ns=stretch.to_ns,
        columns=chosen_columns(fields, Rows.SHOTS),
        subject=lambda name: fits(name, device) and fits(str(parse_device(name).stage), stage),
        words={name: word.value for name, word in words.items() if word is not None},
        flags={} if anomalous is None else {"anomalous": anomalous},
    )
    return rows_answer(request, question, (Shots, Shot), form=format, cursor=cursor, limit=limit)
