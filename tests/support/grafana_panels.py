"""The panels of the generated dashboards as Grafana sees them, and their queries as Prometheus gets them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GENERATED = Path(__file__).parents[2] / "dashboards" / "grafana" / "generated"


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """One query of one panel."""

    dashboard: str
    row: str
    panel: str
    number: str
    expression: str
    instant: bool

    def __str__(self) -> str:
        """Where it stands."""
        return f"{self.dashboard} / {self.row} / {self.panel} / {self.number}: {self.expression}"


def documents() -> dict[str, dict[str, Any]]:
    """Each dashboard's JSON by the name of its file."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(GENERATED.glob("*.json"))}


def panels(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel of a dashboard with the heading that it stands under; headings are none."""
    row = ""
    for panel in document["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            yield row, panel


def queries() -> list[PanelQuery]:
    """Every query of every panel."""
    return [
        PanelQuery(name, row, panel["title"], target["refId"], target["expr"], bool(target.get("instant")))
        for name, document in documents().items()
        for row, panel in panels(document)
        for target in panel.get("targets", [])
    ]


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with Grafana's variables replaced; ``$1`` is Prometheus' own.

    Raises
    ------
    KeyError
        A variable has no value.
    """
    return re.sub(r"\$\{(\w+)(?::\w+)?\}|\$([A-Za-z_]\w*)", lambda found: values[found[1] or found[2]], text)
