"""The three kinds of failure; every one carries a bounded reason that is also its metric label."""


class PetawatchError(Exception):
    """Base of all failures that Petawatch raises itself.

    Parameters
    ----------
    message
        One sentence that says what, where and what to do.
    reason
        A word from a bounded set: the metric label and the dead-letter reason.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class RecordError(PetawatchError):
    """Bad input: it is recorded with its reason, and the work goes on."""


class RetryableError(PetawatchError):
    """Something outside is away for now (a full disk, a receiver): pause and try again."""


class FatalError(PetawatchError):
    """Configuration, authorisation or an incompatible model: the program ends with an error."""
