"""The masked CRC-32C of TFRecord files (RFC 3720, appendix B.4; the mask as TensorFlow's ``record_writer`` has it)."""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel

_POLYNOMIAL = 0x82F63B78  # Castagnoli, bits reversed
_MASK = 0xA282EAD8
_BITS = 0xFFFFFFFF


def _tables() -> NDArray[np.uint32]:
    """Eight tables of 256, so that eight bytes are taken at once; uint32, shape (8, 256)."""
    tables = np.zeros((8, 256), np.uint32)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        tables[0, byte] = value
    for row in range(1, 8):
        tables[row] = tables[row - 1] >> np.uint32(8) ^ tables[0, tables[row - 1] & np.uint32(0xFF)]
    return tables


_TABLES = _tables()


def masked_crc32c(data: bytes) -> int:
    """The checksum as it stands in a TFRecord file, 0 to 2^32 - 1."""
    crc = int(_crc32c(np.frombuffer(data, np.uint8), _TABLES))
    return ((crc >> 15 | crc << 17) + _MASK) & _BITS


@kernel("uint32(Array(uint8, 1, 'C', readonly=True), uint32[:, ::1])")
def _crc32c(data: NDArray[np.uint8], tables: NDArray[np.uint32]) -> np.uint32:
    crc = np.uint32(0xFFFFFFFF)
    whole = len(data) // 8 * 8
    for place in range(0, whole, 8):
        crc = (
            tables[7, (crc & 0xFF) ^ data[place]]
            ^ tables[6, (crc >> 8 & 0xFF) ^ data[place + 1]]
            ^ tables[5, (crc >> 16 & 0xFF) ^ data[place + 2]]
            ^ tables[4, (crc >> 24) ^ data[place + 3]]
            ^ tables[3, data[place + 4]]
            ^ tables[2, data[place + 5]]
            ^ tables[1, data[place + 6]]
            ^ tables[0, data[place + 7]]
        )
    for place in range(whole, len(data)):
        crc = crc >> np.uint32(8) ^ tables[0, (crc & 0xFF) ^ data[place]]
    return crc ^ np.uint32(0xFFFFFFFF)
