"""Who gets a lease, whatever the clock does."""

import pytest

from models.archive.leases import Lease, next_lease

LENGTH = 100
NOW = 1_000


def lease(holder: str, until_ns: int) -> Lease:
    return Lease(name="bundling", holder=holder, until_ns=until_ns)


@pytest.mark.parametrize(
    ("known", "holder"),
    [
        (None, "B"),
        (lease("B", NOW + 1), "B"),
        (lease("A", NOW + 1), "A"),
        (lease("A", NOW + LENGTH), "A"),
        (lease("A", NOW), "B"),  # it ends at this moment
        (lease("A", NOW - 1), "B"),
        (lease("A", NOW + 2 * LENGTH), "A"),  # the clock went back a little
        (lease("A", NOW + 2 * LENGTH + 1), "B"),  # it was set back: nobody is kept out for good
    ],
)
def test_another_holder_gets_it_only_when_it_is_free(known: Lease | None, holder: str) -> None:
    wanted = lease("B", NOW + LENGTH)
    found = next_lease(known, wanted, NOW)
    assert found == (wanted if holder == "B" else known)


def test_two_who_both_think_that_they_have_it_do_so_until_the_next_renewal() -> None:
    noted = next_lease(None, lease("A", NOW + LENGTH), NOW)
    jumped = NOW + 10 * LENGTH
    noted = next_lease(noted, lease("B", jumped + LENGTH), jumped)
    assert noted.holder == "B"
    assert next_lease(noted, lease("A", jumped + LENGTH + 5), jumped + 5) == noted
