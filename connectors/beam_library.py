"""Photographs of real laser beams, for the simulator."""

from importlib import resources
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from models.errors import FatalError
from models.records import IMAGE_SHAPE


def load_beam_shapes() -> dict[str, NDArray[np.uint16]]:
    """The shapes by name: uint16, (102, 128), the brightest pixel 65535; see ``connectors/data/NOTICE.md``.

    Raises
    ------
    FatalError
        If the file that is shipped with Petawatch is missing or damaged.
    """
    try:
        data = (resources.files("connectors") / "data" / "real_beams.npz").read_bytes()
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            shapes = {name: archive[name] for name in archive.files}
        if not shapes or any(image.shape != IMAGE_SHAPE or image.dtype != np.uint16 for image in shapes.values()):
            raise ValueError("not all of the shapes are uint16 of 102 x 128")
    except (OSError, ValueError) as error:
        raise FatalError(
            f"the beam shapes can't be read ({error}); install petawatch again", reason="beam_shapes_damaged"
        ) from error
    return shapes
