"""Long lists on a page: which entries are on it, and where the links lead."""

import pytest

from streams.console.pages.paged import ONE_PAGE, nearest_page, page_links


@pytest.mark.parametrize(
    ("entries", "number", "first", "end", "of"),
    [
        (0, 1, 0, 0, 1),
        (25, 1, 0, 25, 1),
        (26, 1, 0, 25, 2),
        (26, 2, 25, 26, 2),
        (26, 3, 25, 26, 2),  # the last one that there is
        (26, 0, 0, 25, 2),  # the first one
    ],
)
def test_a_page_is_the_nearest_one_that_there_is(entries: int, number: int, first: int, end: int, of: int) -> None:
    page = nearest_page(entries, number, 25)
    assert (page.first, page.end, page.of, page.entries) == (first, end, of, entries)


def test_links_lead_to_the_pages_beside_it_and_keep_what_else_is_asked() -> None:
    asked = {"alert": "0123", "episodes": 2, "alarms": 0}
    assert page_links(nearest_page(60, 2, 25), "/incidents/1", asked, "episodes") == {
        "words": "26 to 50 of 60",
        "before": "/incidents/1?alert=0123&episodes=1",
        "behind": "/incidents/1?alert=0123&episodes=3",
    }
    assert (
        page_links(nearest_page(2_000, 50, 25), "/incidents/1", asked, "episodes")["words"] == "1,226 to 1,250 of 2,000"
    )
    first = page_links(nearest_page(60, 1, 25), "/incidents/1", asked, "alarms")
    assert (first["before"], first["behind"]) == ("", "/incidents/1?alert=0123&episodes=2&alarms=2")
    assert page_links(nearest_page(60, 3, 25), "/incidents/1", asked, "episodes")["behind"] == ""


def test_a_list_that_fits_on_one_page_has_no_links() -> None:
    assert nearest_page(0, 1, 25) == ONE_PAGE
    assert page_links(nearest_page(25, 1, 25), "/x", {}, "page") == {"words": "", "before": "", "behind": ""}
