"""One shot as a page: its pictures, its energy and spectrum, the shots before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.curve_drawing import Curve, draw_curves
from dashboards.html_page import heading, html_page, html_table, paragraph, picture, text


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    """A raw image (PNG) and what stands below it."""

    caption: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDevice:
    """A device of the shot's stage: curves, the labels of their axes; ``mark_x`` is the shot. See ``draw_curves``."""

    name: str
    curves: Sequence[Curve]
    x_label: str
    y_label: str
    mark_x: float | None = None
    from_zero: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownShot:
    """What is known of a shot.

    Attributes
    ----------
    title
        Why its alert was raised.
    facts
        Names and values.
    evidence
        The picture of raw, cleaned, reconstruction and residual; None when there is none.
    notes
        Sentences about where that comes from, or why something is missing.
    images
        By the camera's name: the shots around this one.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    evidence: bytes | None
    notes: Sequence[str]
    images: Sequence[tuple[str, Sequence[ShownImage]]]
    energies: Sequence[ShownDevice]
    spectra: Sequence[ShownDevice]


def shot_page(shot: ShownShot) -> str:
    """The page."""
    parts = [html_table(("", ""), shot.facts)]
    parts += [paragraph(note, quiet=True) for note in shot.notes]
    if shot.evidence is not None:
        parts += [heading("Raw, cleaned, reconstruction, residual"), picture(shot.evidence, "evidence of the shot")]
    for camera, images in shot.images:
        shown = "".join(
            f"<figure>{picture(image.png, image.caption)}<figcaption>{text(image.caption)}</figcaption></figure>"
            for image in images
        )
        parts += [heading(f"{camera}: raw, before and after"), f'<div class="strip">{shown}</div>']
    for devices, what in ((shot.energies, "energy"), (shot.spectra, "spectrum")):
        for device in devices:
            drawn = draw_curves(
                device.curves,
                x_label=device.x_label,
                y_label=device.y_label,
                mark_x=device.mark_x,
                from_zero=device.from_zero,
            )
            parts += [heading(f"{device.name}: {what}"), drawn or paragraph("nothing was recorded", quiet=True)]
    return html_page(shot.title, parts)
