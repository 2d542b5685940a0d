"""Long lists on a page: some entries at a time, with links to those before and behind."""

from collections.abc import Mapping
from typing import NamedTuple

from dashboards.words import link


class Paged(NamedTuple):
    """A page of a list: which one of how many, and where on the whole list it begins and ends."""

    number: int
    of: int
    first: int
    end: int
    entries: int


ONE_PAGE = Paged(1, 1, 0, 0, 0)


def nearest_page(entries: int, number: int, size: int) -> Paged:
    """The page of this number, from 1, or the nearest one that there is; ``size`` entries are on each."""
    pages = max(-(-entries // size), 1)
    number = min(max(number, 1), pages)
    return Paged(number, pages, (number - 1) * size, min(number * size, entries), entries)


def page_links(page: Paged, path: str, asked: Mapping[str, object], name: str) -> dict[str, str]:
    """The page in ``words``, and the links to those ``before`` and ``behind`` it; what there is not is empty.

    Parameters
    ----------
    asked
        What else the address of the page asks for: it stays.
    name
        Of the number of the page in the address.
    """

    def to(number: int) -> str:
        others = {other: value for other, value in {**asked, name: number}.items() if value}
        return link(path, **others) if 1 <= number <= page.of else ""

    words = f"{page.first + 1:,} to {page.end:,} of {page.entries:,}" if page.of > 1 else ""
    return {"words": words, "before": to(page.number - 1), "behind": to(page.number + 1)}
