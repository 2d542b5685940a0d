"""The frames of one camera that a model is to learn from, and how many were left out on the way."""

from dataclasses import dataclass

from models.training.frame_sample import SampledFrames


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """What became of the valid frames of one camera.

    Attributes
    ----------
    beam
        Frames with beam.
    saturated
        Of those, left out because too much of them is saturated.
    sampled
        Of the rest, as many as there was room for.
    judged
        Of the sampled, left out because an operator judged them: parts of true alerts.
    unusual
        Of the others, left out because a feature of the beam lies far from that of its neighbours in time.
    outliers
        Of those left, left out because the model in use finds their residual far beyond the usual.
    """

    beam: int
    saturated: int
    sampled: int
    judged: int
    unusual: int
    outliers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFrames:
    """The normal frames of one camera, by its name."""

    camera: str
    frames: SampledFrames
    counts: FrameCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time of one device of which nothing is to be learned, both ends included.

    Attributes
    ----------
    device
        Its name as the control system writes it.
    first_ns, last_ns
        Event times, ns since 1970.
    """

    device: str
    first_ns: int
    last_ns: int
