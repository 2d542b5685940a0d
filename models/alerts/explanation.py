"""Why an alert was raised, in words that an operator uses, computed from what was measured."""

from dataclasses import dataclass

#: The cause where the classifier is not sure enough.
UNKNOWN_CAUSE = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is odd about the worst shot of an episode.

    Attributes
    ----------
    text
        One line, such as ``hot spot at (61, 40) px, 34 % above its surroundings``; empty where nothing is measured.
    cause
        The kind of fault, by the names of the simulated labels, or ``UNKNOWN_CAUSE``; empty where nothing judges it.
    cause_probability
        How sure that is, 0 to 1; 0 without a cause.
    """

    text: str = ""
    cause: str = ""
    cause_probability: float = 0.0


#: Nothing was measured and nothing judged, as for the rules about files and devices.
NO_EXPLANATION = Explanation()
