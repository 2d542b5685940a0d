"""A share is of its size, the same each time, and grows by more of the same."""

from models.archive.sampling import is_in_share

NAMES = [f"file {number}" for number in range(4000)]


def test_a_share_is_of_its_size_and_grows_by_more_of_the_same() -> None:
    tenth, half = ({name for name in NAMES if is_in_share(name, share)} for share in (0.1, 0.5))
    assert 300 < len(tenth) < 500
    assert 1800 < len(half) < 2200
    assert tenth < half


def test_none_and_all() -> None:
    assert not any(is_in_share(name, 0.0) for name in NAMES)
    assert all(is_in_share(name, 1.0) for name in NAMES)
