"""Texts from elsewhere, as they may be shown: names come from files, from servers, or from whoever wrote a message."""


def printable(text: str) -> str:
    """The same text, in which nothing steers a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
