"""Earlier frames to learn from, later ones to prove it on, and a gap between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.event_time import SECOND_NS
from models.training.frame_sample import Float32Array, SampledFrames

# The gap takes at most this part of a camera's time.
_LARGEST_GAP_PART = 20

#: The images of one camera in the order of time, in an array or a list: float32, shape (102, 128) each.
Images = NDArray[np.float32] | list[Float32Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """The images of each camera, cleaned counts in the order of time.

    Attributes
    ----------
    training
        What is learned from.
    validation
        Later than all of the same camera's that is learned from.
    """

    training: Sequence[Images]
    validation: Sequence[Images]


def split_by_time(cameras: Sequence[SampledFrames], later_share: float, gap_s: float) -> TimeSplit:
    """The last ``later_share`` of each camera's frames, at least one, and those at least ``gap_s`` before them."""
    halves = [split_camera(frames, later_share, gap_s) for frames in cameras]
    return TimeSplit(
        training=[earlier.images for earlier, _ in halves], validation=[later.images for _, later in halves]
    )


def split_camera(frames: SampledFrames, later_share: float, gap_s: float) -> tuple[SampledFrames, SampledFrames]:
    """The earlier and the later frames of one camera; those in the gap between them are in neither.

    Parameters
    ----------
    later_share
        Part of the frames, 0 to 1, that is later; at least one frame is, when there is any.
    gap_s
        The earlier frames end so long before the later ones begin, or a twentieth of the camera's time, if that is
        less; never at the same time.
    """
    times = frames.event_time_ns
    count = len(times)
    begin = max(count - max(int(count * later_share), 1), 0)
    end = begin
    if count:
        gap_ns = max(min(int(gap_s * SECOND_NS), int(times[-1] - times[0]) // _LARGEST_GAP_PART), 1)
        end = min(int(np.searchsorted(times, times[begin] - gap_ns, side="right")), begin)
    places = np.arange(count)
    return frames.kept(places < end), frames.kept(places >= begin)
