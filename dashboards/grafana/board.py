"""A dashboard put together: rows of panels on the grid, what can be chosen, and links to all others and the console."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.panels import DATASOURCE

#: Where the console is, unless something else is written at the top of a dashboard.
CONSOLE_ADDRESS = "http://127.0.0.1:8080"

_TAG = "petawatch"
_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[model.Panel]


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen at the top of a dashboard, by the values of a label: one of them."""

    name: str
    label: str
    query: str


STAGE = Choice("stage", "Stage", 'label_values(petawatch_data_age_seconds{stage!=""}, stage)')
CAMERA = Choice("camera", "Camera", 'label_values(petawatch_data_age_seconds{stage="$stage", kind="camera"}, device)')


def board(
    uid: str, title: str, description: str, rows: Iterable[Row], choices: Sequence[Choice] = (), *, console: str
) -> model.Dashboard:
    """A dashboard; its panels have their places and numbers by their order.

    Parameters
    ----------
    console
        Path of the console's page about the same.
    """
    builder = builders.Dashboard(title).uid(uid).description(description).tags([_TAG]).readonly()
    builder = builder.time("now-1h", "now").refresh("10s").timezone("browser")
    builder = builder.tooltip(model.DashboardCursorSync.CROSSHAIR)
    for variable in _variables(choices):
        builder = builder.with_variable(variable)
    for link in _links(console):
        builder = builder.link(link)
    built = builder.build()
    built.panels = list(_placed(rows))
    return built


def _placed(rows: Iterable[Row]) -> Iterator[model.Panel | model.RowPanel]:
    number, y = 0, 0
    for row in rows:
        number += 1
        yield model.RowPanel(title=row.title, id_val=number, grid_pos=model.GridPos(h=1, w=_WIDTH, x=0, y=y))
        x, y, lowest = 0, y + 1, y + 1
        for panel in row.panels:
            number += 1
            place = panel.grid_pos
            if place is None:
                raise ValueError(f"{panel.title} has no size")
            if x + place.w > _WIDTH:
                x, y = 0, lowest
            place.x, place.y, panel.id_val = x, y, number
            x, lowest = x + place.w, max(lowest, y + place.h)
            yield panel
        y = lowest


def _variables(choices: Sequence[Choice]) -> Iterator[Builder[model.VariableModel]]:
    yield builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    for choice in choices:
        yield (
            builders.QueryVariable(choice.name)
            .label(choice.label)
            .datasource(DATASOURCE)
            .query({"query": choice.query, "refId": choice.name})
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
        )
    yield builders.TextBoxVariable("console").label("Console").default_value(CONSOLE_ADDRESS)


def _links(console: str) -> Iterator[builders.DashboardLink]:
    others = builders.DashboardLink("Dashboards").type(model.DashboardLinkType.DASHBOARDS).tags([_TAG])
    yield others.as_dropdown(True).include_vars(True).keep_time(True)
    page = builders.DashboardLink("Console").type(model.DashboardLinkType.LINK).url(f"${{console}}{console}")
    yield page.icon("external link").tooltip("Incidents, evidence, acknowledge, verdicts").target_blank(True)
