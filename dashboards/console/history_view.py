"""Which drawings the histories of stages and cameras have, and the episodes beside them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from dashboards.alert_table import place_of
from dashboards.reason_words import why
from dashboards.words import link, plain_words, time_words
from models.alerts.alert import Alert, AlertStatus
from models.devices import Device, RecordKind, Stage

#: Least to greatest as a band with the mean in it; only the mean; only the greatest, of scores.
BAND, MEAN, GREATEST = "band", "mean", "greatest"
_WITHOUT = {
    RecordKind.CAMERA: "frames without beam",
    RecordKind.ENERGY_METER: "readings without a valid energy",
    RecordKind.SPECTROMETER: "spectra refused or without light",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartCurve:
    """One column of a series, and how it is drawn."""

    source: str
    column: str
    label: str
    shown: str = BAND


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing over time.

    Attributes
    ----------
    least, greatest
        Of the axis; None lets the values decide.
    without
        What records are called on which there was nothing to be measured: they are counted, and marked below the
        curves. Empty where that says nothing.
    """

    title: str
    unit: str
    curves: tuple[ChartCurve, ...]
    least: float | None = None
    greatest: float | None = None
    without: str = ""

    def document(self) -> dict[str, object]:
        """As the script takes it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedEpisode:
    """An episode as a mark over the drawings.

    Attributes
    ----------
    first_s, last_s
        Seconds since 1970, UTC.
    """

    id: str
    first_s: float
    last_s: float
    severity: str
    what: str
    where: str
    first: str
    state: str


def stage_charts(stage: Stage, devices: Sequence[Device]) -> list[Chart]:
    """What is drawn of a stage: all its devices together, then each meter, camera and spectrometer."""
    triplets = f"/stages/{stage}/series"
    charts = [
        Chart(
            title="Complete shots",
            unit="%",
            curves=(ChartCurve(source=triplets, column="complete_percent", label="of all that fired", shown=MEAN),),
            least=0.0,
            greatest=100.0,
        )
    ]
    scored = [device for device in devices if device.kind is not RecordKind.OTHER]
    if scored:
        scores = tuple(
            ChartCurve(source=series_path(device), column="score", label=device.name, shown=GREATEST)
            for device in scored
        )
        charts.append(Chart(title="Scores, the greatest", unit="-log10 p", curves=scores, least=0.0))
    for device in devices:
        charts += _device_charts(device, brief=True)
    return charts


def device_charts(device: Device) -> list[Chart]:
    """All that is drawn of one device."""
    score = ChartCurve(source=series_path(device), column="score", label="score", shown=GREATEST)
    return [
        Chart(
            title="Score, the greatest",
            unit="-log10 p",
            curves=(score,),
            least=0.0,
            without=_WITHOUT.get(device.kind, ""),
        ),
        *_device_charts(device, brief=False),
    ]


def series_path(device: Device) -> str:
    """Where the series of a device are asked for."""
    return f"/devices/{device.name}/series"


def _device_charts(device: Device, *, brief: bool) -> list[Chart]:
    def chart(title: str, unit: str, *columns: tuple[str, str, str], least: float | None = None) -> Chart:
        curves = tuple(
            ChartCurve(source=series_path(device), column=column, label=label, shown=shown)
            for column, label, shown in columns
        )
        title = f"{title}: {device.name}" if brief else title
        return Chart(title=title, unit=unit, curves=curves, least=least, without=_WITHOUT[device.kind])

    if device.kind is RecordKind.ENERGY_METER:
        return [chart("Energy", "J", ("energy_j", "energy", BAND), ("energy_smooth_j", "smoothed", MEAN))]
    if device.kind is RecordKind.SPECTROMETER:
        return [
            chart("Bandwidth at half maximum", "samples", ("spectrum_fwhm", "width", BAND)),
            chart("Bandwidth, rms", "samples", ("spectrum_rms_width", "width", BAND)),
            chart("Centre of the spectrum", "sample", ("spectrum_centre", "centre", BAND)),
            *([] if brief else [chart("Sum of the spectrum", "a.u.", ("spectrum_sum", "sum", BAND))]),
        ]
    if device.kind is not RecordKind.CAMERA:
        return []
    charts = [
        # One axis for both of a pair would squeeze each into a line: they are tens of pixels apart, and move by one.
        chart("Centroid, x", "px", ("centroid_x_px", "x", BAND)),
        chart("Centroid, y", "px", ("centroid_y_px", "y", BAND)),
        chart("Beam size (D4 sigma), major axis", "px", ("d4sigma_major_px", "major", BAND)),
        chart("Beam size (D4 sigma), minor axis", "px", ("d4sigma_minor_px", "minor", BAND)),
    ]
    if brief:
        return charts
    return [
        *charts,
        chart("Sum of the pixels", "counts", ("pixel_sum_counts", "sum", BAND)),
        chart("Peak", "counts", ("peak_counts", "peak", BAND)),
        chart("Ellipticity", "minor / major", ("ellipticity", "ellipticity", BAND)),
        chart("Hot spot's contrast", "0 to 1", ("hot_spot_contrast", "contrast", BAND)),
        chart("Largest residual", "sigma", ("residual_max_z", "largest", GREATEST), least=0.0),
        chart("Without beam: sum of the pixels", "counts", ("no_beam_pixel_sum_counts", "sum", BAND)),
        chart("Without beam: brightest pixel", "counts", ("no_beam_peak_counts", "brightest", BAND)),
    ]


def marked_episodes(alerts: Iterable[Alert]) -> list[MarkedEpisode]:
    """Episodes in the order in which they come."""
    return [
        MarkedEpisode(
            id=alert.id,
            first_s=alert.first_shot_ns / 1e9,
            last_s=alert.last_shot_ns / 1e9,
            severity=alert.severity.value,
            what=why(alert),
            where=place_of(alert),
            first=time_words(alert.first_shot_ns),
            state="open" if alert.status is AlertStatus.OPEN else plain_words(alert.status),
        )
        for alert in alerts
    ]


def device_link(device: Device, **asked: object) -> str:
    """The page of a device's history; empty where there is none."""
    return link(f"/cameras/{device.name}", **asked) if device.kind is RecordKind.CAMERA else ""
