"""What a real Prometheus has scraped of Petawatch, asked as Grafana asks for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from servers.prometheus_server import PrometheusServer
from tests.support.grafana_panels import PanelQuery, filled
from tests.support.watching import wait_until


@dataclass(frozen=True, slots=True)
class Scraped:
    """A stretch of what it has scraped.

    Attributes
    ----------
    since_s, until_s
        Seconds since 1970.
    values
        Of Grafana's variables.
    """

    prometheus: PrometheusServer
    since_s: float
    until_s: float
    values: Mapping[str, str]

    @classmethod
    def up_to_now(cls, prometheus: PrometheusServer, job: str, since_s: float, stage: str = "") -> "Scraped":
        """Wait for two more scrapes of a job, since the steps of a query fall between two; a camera is chosen."""
        until_s = scraped_at(prometheus, job) + 2
        wait_until(lambda: scraped_at(prometheus, job) > until_s)
        cameras = prometheus.query(f'petawatch_device_score{{stage="{stage}"}}')
        camera = cameras[0]["metric"]["device"] if cameras else ""
        values = {
            "stage": stage,
            "camera": camera,
            "console": "http://127.0.0.1:8080",
            "__rate_interval": "10s",
            "__range": f"{math.ceil(until_s - since_s)}s",
        }
        return cls(prometheus, since_s, until_s, values)

    def series(self, query: PanelQuery) -> list[dict[str, Any]]:
        """What a panel gets."""
        expression = filled(query.expression, self.values)
        if query.instant:
            return self.prometheus.query(expression)
        asked = {"query": expression, "start": str(self.since_s), "end": str(self.until_s), "step": "1"}
        found: list[dict[str, Any]] = self.prometheus.ask("query_range", **asked)["result"]
        return found

    def choices(self, query: str) -> list[str]:
        """What ``label_values(selector, label)`` lets choose."""
        selector, _, label = filled(query, self.values).removeprefix("label_values(").removesuffix(")").rpartition(", ")
        return sorted({found["metric"][label] for found in self.prometheus.query(selector)})


def has_data(series: list[dict[str, Any]]) -> bool:
    """Whether there is a number in it."""
    pairs = [pair for each in series for pair in each.get("values", [each.get("value")])]
    return any(math.isfinite(float(text)) for _, text in pairs)


def value_of(prometheus: PrometheusServer, expression: str) -> float:
    """The value now; 0 while there is none."""
    return max((float(series["value"][1]) for series in prometheus.query(expression)), default=0.0)


def scraped_at(prometheus: PrometheusServer, job: str) -> float:
    """When it has scraped a job last, seconds since 1970."""
    return value_of(prometheus, f'timestamp(up{{job="{job}"}})')
