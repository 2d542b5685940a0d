"""Directions and changes as an operator reads them, and how sure a rule is of what it names."""

from math import atan2, exp, pi

#: From so many sigmas on a rule is as likely right as wrong.
_EVEN_SIGMAS = 3.0
#: A cause that is less probable is not named.
LEAST_PROBABILITY = 0.5

# Eighths, from the right on, clockwise as seen on the screen (rows count downwards).
_DIRECTIONS = (
    "to the right",
    "to the lower right",
    "down",
    "to the lower left",
    "to the left",
    "to the upper left",
    "up",
    "to the upper right",
)
_SIDES = (
    "on the right",
    "at the lower right",
    "at the bottom",
    "at the lower left",
    "on the left",
    "at the upper left",
    "at the top",
    "at the upper right",
)


def direction_of(right: float, down: float) -> str:
    """In which of eight directions something went: ``to the upper left``, ``down``."""
    return _DIRECTIONS[_eighth_of(right, down)]


def side_of(right: float, down: float) -> str:
    """On which of eight sides something lies: ``at the upper left``, ``at the bottom``."""
    return _SIDES[_eighth_of(right, down)]


def _eighth_of(right: float, down: float) -> int:
    return round(atan2(down, right) / (pi / 4)) % 8


def percent_of(part: float, more: str, less: str) -> str:
    """A relative change as ``12 % larger``."""
    return f"{abs(part) * 100:.0f} % {more if part > 0 else less}"


def certainty(sigmas: float, surest: float) -> float:
    """How surely a rule names the cause of a change of so many sigmas: never more than ``surest``."""
    return surest / (1.0 + exp(max(min(_EVEN_SIGMAS - sigmas, 50.0), -50.0)))
