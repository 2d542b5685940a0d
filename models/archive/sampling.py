"""A share of many things, chosen by what they are: whoever asks gets the same ones."""

import hashlib

_HEX_DIGITS = 8


def is_in_share(name: str, share: float) -> bool:
    """Whether a thing belongs to the share; what is in a smaller one is in each larger one.

    Parameters
    ----------
    name
        Tells the thing apart; with another text before it another share is chosen.
    share
        Of all things, 0 to 1.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HEX_DIGITS]
    return int(digest, 16) < share * (1 << 4 * _HEX_DIGITS)
