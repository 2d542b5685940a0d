"""How much of a snapshot is believed: everything is checked against these before it is allocated or followed."""

from dataclasses import dataclass
from typing import ClassVar

from models.records import IMAGE_SHAPE

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """Limits of the snapshot reader.

    Attributes
    ----------
    max_file_mib
        Larger files are refused.
    max_buffered_mib
        Files up to this size are read into memory once; larger ones are read piece by piece from the disk.
    max_records
        Files that hold more records are refused.
    max_devices
        Records of further devices in one file are dead letters.
    max_spectrum_samples
        Longer spectra have a wrong shape.
    max_chunk_mib
        Datasets stored in larger chunks are unreadable.
    dead_letters_kept
        So many dead letters of each reason are kept with their place in the file; all are counted.
    image_rows, image_columns
        The shape of an image in pixels.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    max_file_mib: int = 64 * 1024
    max_buffered_mib: int = 512
    max_records: int = 2_000_000
    max_devices: int = 1024
    max_spectrum_samples: int = 65_536
    max_chunk_mib: int = 16
    dead_letters_kept: int = 20
    image_rows: int = IMAGE_SHAPE[0]
    image_columns: int = IMAGE_SHAPE[1]

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < (0 if name in {"max_buffered_mib", "dead_letters_kept"} else 1):
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows by columns."""
        return (self.image_rows, self.image_columns)
