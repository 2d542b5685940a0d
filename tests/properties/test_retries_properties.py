"""Dead letters that come again are known by their numbers, in whatever order they come and wherever it is restarted."""

from hypothesis import given
from hypothesis import strategies as st

from models.state import decode_state, encode_state
from streams.agents.retries import Retries

# Close together, so that ranges grow, meet and are joined; and far apart.
NUMBERS = st.lists(st.integers(0, 40) | st.integers(0, 10**18 - 1), max_size=120)


def restored(retries: Retries) -> Retries:
    other = Retries()
    other.restore(decode_state(encode_state(retries.state())))
    return other


@given(NUMBERS, st.integers(0, 120))
def test_every_number_is_new_once(numbers: list[int], restart_after: int) -> None:
    retries, known = Retries(), set[int]()
    for count, number in enumerate(numbers):
        if count == restart_after:
            retries = restored(retries)
        assert retries.is_new(number) == (number not in known)
        known.add(number)
        firsts, ends = retries.state()["firsts"].tolist(), retries.state()["ends"].tolist()
        assert sum(ends) - sum(firsts) == len(known)
        # Neither empty nor touching: as few ranges as there can be.
        assert all(first < end for first, end in zip(firsts, ends, strict=True))
        assert all(end < first for end, first in zip(ends, firsts[1:], strict=False))


@given(NUMBERS)
def test_what_an_earlier_version_saved_is_known(numbers: list[int]) -> None:
    retries, known = Retries(), set(numbers)
    retries.restore(decode_state(encode_state({"numbers": list(dict.fromkeys(numbers))})))
    assert all(retries.is_new(number) == (number not in known) for number in range(42))
    assert not any(retries.is_new(number) for number in known)
