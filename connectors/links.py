"""Links into the console, as alerts, incidents and messages carry them."""

from dataclasses import dataclass
from typing import ClassVar

from connectors.http_post import checked_base_address

#: Below the console's address, before an alert's id: its page. ``--http`` serves a plain one at the same path.
ALERT_PATH = "/alerts/"
#: Below the console's address, before an incident's id: its page.
INCIDENT_PATH = "/incidents/"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Links to the pages of alerts and incidents.

    Attributes
    ----------
    address
        Where people reach the console, for example ``http://control-room:8080``; empty: nothing has a link.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    address: str = ""

    def __post_init__(self) -> None:
        if self.address:
            checked_base_address(self.address, "address")


def alert_link(address: str, alert_id: str) -> str:
    """Of an alert's page, by ``links.address``; empty where that is empty."""
    return f"{address}{ALERT_PATH}{alert_id}" if address else ""


def incident_link(address: str, incident_id: str) -> str:
    """Of an incident's page, by ``links.address``; empty where that is empty."""
    return f"{address}{INCIDENT_PATH}{incident_id}" if address else ""
