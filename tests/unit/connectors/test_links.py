"""Links into the console."""

import pytest

from connectors.links import LinkSettings, alert_link, incident_link


def test_links_lead_below_the_console_s_address() -> None:
    assert alert_link("https://console", "0123456789abcdef") == "https://console/alerts/0123456789abcdef"
    assert incident_link("https://a/laser", "0123456789abcdef") == "https://a/laser/incidents/0123456789abcdef"


def test_there_is_no_link_where_no_console_is_known() -> None:
    assert alert_link("", "0123456789abcdef") == ""
    assert incident_link("", "0123456789abcdef") == ""


@pytest.mark.parametrize(
    "address",
    ["control-room:9464", "http://a/", "http://me:secret@a", "http://a?b", "http://a#b", "javascript:x", "ftp://a"],
)
def test_an_address_for_links_is_one_of_http_and_complete(address: str) -> None:
    with pytest.raises(ValueError, match="http"):
        LinkSettings(address=address)
