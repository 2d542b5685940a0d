"""How much of a message is believed; everything is checked against these before it is allocated or followed."""

import reprlib

#: Largest value of a message; a broker's own limit is usually far below it.
MAX_VALUE_BYTES = 128 << 20
#: Largest JSON part: Python's objects for it take up to some twenty times as much.
MAX_DOCUMENT_BYTES = 16 << 20
#: Longest paths of one block, all together.
MAX_PATHS_BYTES = 64 << 20
#: Longest value of one header that is read: a path of Linux with every byte written as an escape fits.
MAX_HEADER_BYTES = 32 << 10
#: Most records in one block.
MAX_RECORDS = 1 << 20
#: Longest text inside a document.
MAX_TEXT_BYTES = 64 << 10
#: Event times lie between the years 1970 and 2116: differences of any two are 64-bit numbers too.
MAX_TIME_NS = 2**62
#: One day before 1970: recorders east of Greenwich.
MIN_TIME_NS = -86_400 * 10**9
MAX_INTEGER = 2**63 - 1


class TooLargeError(ValueError):
    """A part of a message is larger than these limits allow."""


def shown(value: object, length: int = 80) -> str:
    """A value in a message to people: one line, printable, of bounded length."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    text = "".join(letter if letter.isprintable() else " " for letter in text[: length + 1])
    return text if len(text) <= length else f"{text[: length - 3]}..."
