"""What operators do by the forms of pages: the step, and the sentence that says what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from models.errors import PetawatchError, RecordError
from models.event_time import HOUR_NS, parse_iso
from streams.console.parts import ConsoleParts
from streams.console.problems import sentence_of, status_of

#: What shelving and maintenance last, by the choices of the forms; hours.
LENGTHS_H = {"1h": ("1 hour", 1.0), "shift": ("a shift (8 hours)", 8.0), "day": ("a day (24 hours)", 24.0)}
#: The same for forms.
LENGTH_CHOICES = [(choice, words) for choice, (words, _) in LENGTHS_H.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTold:
    """What is said of a step on the page that answers it; an empty ``sentence`` when there was none.

    Attributes
    ----------
    status
        Of the answer.
    """

    sentence: str = ""
    refused: bool = False
    status: int = 200


#: Of a page that somebody only looks at.
NO_STEP = StepTold()


def told_of(step: Callable[[], str]) -> StepTold:
    """Take a step that says in a sentence what it did; what it refuses is said, too."""
    try:
        return StepTold(sentence=step())
    except PetawatchError as error:
        return StepTold(sentence=sentence_of(error), refused=True, status=status_of(error))


def answered(request: Request, step: Callable[[], str], page: Callable[[StepTold], HTMLResponse]) -> Response:
    """Take a step; the answer is the page as it stands then, or, to a script, the sentence alone.

    A script asks for what has changed on its page itself, and says at once what came of the step.
    """
    told = told_of(step)
    if "text/html" in request.headers.get("Accept", ""):
        return page(told)
    return JSONResponse({"told": told.sentence, "refused": told.refused}, told.status)


def end_of(console: ConsoleParts, length: str, until: str) -> int:
    """When something ends that a form gives a length or an end, ns since 1970.

    Raises
    ------
    RecordError
        ``no_end``.
    """
    if length in LENGTHS_H:
        return console.clock.now_ns() + round(LENGTHS_H[length][1] * HOUR_NS)
    try:
        return parse_iso(until)
    except ValueError as error:
        raise RecordError(f"{error}; choose a length, or write an end", reason="no_end") from error
