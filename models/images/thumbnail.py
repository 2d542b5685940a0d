"""Small pictures for the wall: a frame on an absolute scale of brightness, the same for all cameras."""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.records import FULL_SCALE_COUNTS

#: Value of a pixel at full scale; that of one with c counts is round(255 sqrt(c / 4092)). The root shows a weak beam
#: beside a strong one: a pixel's shot noise, which grows with the root of its counts, looks the same at every level.
FULL_SCALE_VALUE = 255

_VALUES = np.rint(FULL_SCALE_VALUE * np.sqrt(np.arange(FULL_SCALE_COUNTS + 1) / FULL_SCALE_COUNTS)).astype(np.uint8)


def thumbnail(frame: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The picture of one raw frame.

    Parameters
    ----------
    frame
        uint16, shape (h, w), counts; a pixel above the full scale of 4092 counts is shown as one at full scale.

    Returns
    -------
    NDArray
        uint8, shape (h, w), read-only: round(255 sqrt(counts / 4092)).
    """
    picture = np.empty(frame.shape, np.uint8)
    _look_up(frame, picture)
    picture.flags.writeable = False
    return picture


@kernel()
def _look_up(frame: NDArray[np.uint16], picture: NDArray[np.uint8]) -> None:
    for row in range(frame.shape[0]):
        for column in range(frame.shape[1]):
            picture[row, column] = _VALUES[min(frame[row, column], np.uint16(FULL_SCALE_COUNTS))]
