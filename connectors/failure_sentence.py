"""A way to fail as operators read it; connectors have tables of them, by what their system answers."""

from typing import NamedTuple

from models.errors import PetawatchError


class FailureSentence(NamedTuple):
    """What an answer of a system means.

    Attributes
    ----------
    failure, reason
        Of the error that is raised.
    text
        Of it, with ``{names}`` for what ``of`` is given.
    """

    failure: type[PetawatchError]
    reason: str
    text: str

    def of(self, **words: object) -> PetawatchError:
        """The error with its sentence."""
        return self.failure(self.text.format(**words), reason=self.reason)
