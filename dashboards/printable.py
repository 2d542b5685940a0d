"""Texts from elsewhere, as they may be shown: names come from files, from servers, or from whoever wrote a message."""

# Between three digits and three: a space that Python does not count as printable, and that steers nothing.
_GAP = "\u202f"


def printable(text: str) -> str:
    """The same text, in which nothing steers a terminal."""
    return "".join(letter if letter.isprintable() or letter == _GAP else "?" for letter in text)
