"""What somebody may do; each role may do all that the ones before it may."""

from enum import StrEnum


class Role(StrEnum):
    """In ascending order."""

    VIEWER = "viewer"
    """Sees everything but settings of the program's access."""
    OPERATOR = "operator"
    """Acknowledges, shelves, judges, starts replays."""
    ADMIN = "admin"
    """Changes what the program is: models, receivers."""

    def may(self, needed: "Role") -> bool:
        """Whether this role is the needed one or above it."""
        order = list(Role)
        return order.index(self) >= order.index(needed)
