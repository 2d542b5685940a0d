"""Panels in one style, with colours that colour-blind people tell apart; each says what it means and what to do.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/). Where there are many lines each has the
colour of its largest value, from blue by yellow to red, and their legend is a table with the values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, statetimeline, table, text
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import timeseries as line_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as styles
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_styles
from grafana_foundation_sdk.models import prometheus as formats
from grafana_foundation_sdk.models import text as text_styles

SKY, GREEN, YELLOW, BLUE = "#56B4E9", "#009E73", "#F0E442", "#0072B2"
ORANGE, VERMILION, PURPLE, GREY = "#E69F00", "#D55E00", "#CC79A7", "#999999"

#: The data source that is chosen at the top of a dashboard.
DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

#: Heights: a figure, and what has axes.
LOW, USUAL = 4, 8

#: Colours from a value on; the first one, without a value, is that of all below.
Thresholds = Sequence[tuple[float | None, str]]
#: From which ages of the newest shot, in seconds, something is late: two snapshots of a minute, and as the alert on it.
LATE_SHOTS: Thresholds = ((150, ORANGE), (300, VERMILION))
#: By value: a word that is shown instead of it, and its colour.
Words = Mapping[int, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of Prometheus; ``legend`` names its lines (``{{label}}``), ``colour`` is for a single line."""

    expression: str
    legend: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click on a line leads; ``${__field.labels.device}`` is the line's label."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, and more of Grafana's properties by their names."""

    heading: str
    properties: Mapping[str, object] | None = None


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    width: int = 12,
    height: int = USUAL,
    minimum: float | None = None,
    limit: float | None = None,
    stacked: bool = False,
    leads_to: Link | None = None,
) -> model.Panel:
    """Values over time; ``limit`` is a dashed line from which on something is wrong."""
    panel = line_builders.Panel().unit(unit).targets(_targets(queries)).line_width(2)
    panel = panel.fill_opacity(60 if stacked else 8).show_points(styles.VisibilityMode.AUTO).point_size(4)
    panel = panel.tooltip(common.VizTooltipOptions().mode(styles.TooltipDisplayMode.MULTI))
    coloured = [(name, query.colour) for name, query in zip(_NAMES, queries, strict=False) if query.colour]
    panel = panel.legend(_legend(as_table=not coloured))
    if coloured:
        panel = panel.color_scheme(builders.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        for name, colour in coloured:
            panel = panel.override_by_query(name, [model.DynamicConfigValue("color", _fixed(colour))])
    else:
        by_value = builders.FieldColor().mode(model.FieldColorModeId.CONTINUOUS_BL_YL_RD)
        panel = panel.color_scheme(by_value.series_by(model.FieldColorSeriesByMode.MAX))
    if minimum is not None:
        panel = panel.min(minimum)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(styles.StackingMode.NORMAL))
    if limit is not None:
        style = common.GraphThresholdsStyleConfig().mode(styles.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(_steps([(None, "transparent"), (limit, VERMILION)])).thresholds_style(style)
    panel = panel.data_links(_data_links(leads_to))
    return _finished(panel, title, description, width, height)


def number(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    width: int = 4,
    height: int = LOW,
    thresholds: Thresholds = ((None, SKY),),
    words: Words | None = None,
) -> model.Panel:
    """The latest value of each line of the query, large."""
    panel = stat.Panel().unit(unit).targets(_targets([query])).thresholds(_steps(thresholds))
    panel = panel.color_scheme(builders.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel = panel.color_mode(styles.BigValueColorMode.BACKGROUND).graph_mode(styles.BigValueGraphMode.NONE)
    panel = panel.reduce_options(_latest()).mappings(_mappings(words or {}))
    if query.legend:
        panel = panel.text_mode(styles.BigValueTextMode.VALUE_AND_NAME)
    return _finished(panel, title, description, width, height)


def bars(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    width: int = 12,
    height: int = USUAL,
    thresholds: Thresholds,
    most: float | None = None,
) -> model.Panel:
    """The latest values side by side."""
    panel = bargauge.Panel().unit(unit).targets(_targets([query])).thresholds(_steps(thresholds)).min(0)
    panel = panel.color_scheme(builders.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel = panel.orientation(styles.VizOrientation.HORIZONTAL).display_mode(styles.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(_latest())
    return _finished(panel if most is None else panel.max(most), title, description, width, height)


def states(
    title: str,
    description: str,
    query: Query,
    words: Words,
    *,
    width: int = 24,
    height: int = USUAL,
    leads_to: Link | None = None,
) -> model.Panel:
    """In which state each line was, over time."""
    panel = statetimeline.Panel().targets(_targets([query])).mappings(_mappings(words))
    panel = panel.color_scheme(builders.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    panel = panel.show_value(styles.VisibilityMode.AUTO).merge_values(True).fill_opacity(85).line_width(1)
    panel = panel.data_links(_data_links(leads_to))
    return _finished(panel.legend(_legend(as_table=False)), title, description, width, height)


def classes(title: str, description: str, query: Query, *, width: int = 12, height: int = USUAL) -> model.Panel:
    """How the classes of a histogram fill over time."""
    target = _target(query, _NAMES[0]).format(formats.PromQueryFormat.HEATMAP)
    colours = heatmap.HeatmapColorOptions().mode(heatmap_styles.HeatmapColorMode.SCHEME).scheme("Viridis").steps(64)
    colours = colours.scale(heatmap_styles.HeatmapColorScale.EXPONENTIAL).exponent(0.5).fill("dark-blue")
    panel = heatmap.Panel().with_target(target).calculate(False).color(colours).show_legend().show_tooltip()
    panel = panel.hide_from(common.HideSeriesConfig().legend(False).tooltip(False).viz(False)).exemplars_color(GREY)
    return _finished(panel, title, description, width, height)


def rows(
    title: str,
    description: str,
    query: Query,
    columns: Mapping[str, Column],
    *,
    hidden: Sequence[str] = (),
    width: int = 24,
    height: int = USUAL,
) -> model.Panel:
    """A table with a row for each line of the query; ``columns`` are its labels in their order, or ``Value``.

    Parameters
    ----------
    hidden
        Labels that are no columns.
    """
    target = _target(query, _NAMES[0]).instant().format(formats.PromQueryFormat.TABLE)
    options = {
        "excludeByName": {label: True for label in ("Time", "Value", *hidden) if label not in columns},
        "indexByName": {label: place for place, label in enumerate(columns)},
        "renameByName": {label: column.heading for label, column in columns.items()},
    }
    panel = table.Panel().with_target(target).show_header(True).cell_height(styles.TableCellHeight.MD)
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=options))
    for column in columns.values():
        if column.properties:
            properties = [model.DynamicConfigValue(name, value) for name, value in column.properties.items()]
            panel = panel.override_by_name(column.heading, properties)
    return _finished(panel, title, description, width, height)


def note(title: str, description: str, markdown: str, *, width: int = 24, height: int = LOW) -> model.Panel:
    """A text with links."""
    panel = text.Panel().mode(text_styles.TextMode.MARKDOWN).content(markdown)
    return _finished(panel, title, description, width, height)


# Of the queries of a panel; Grafana names them so, too.
_NAMES = tuple("ABCDEFGH")


def _finished(builder: Builder[model.Panel], title: str, description: str, width: int, height: int) -> model.Panel:
    panel = builder.build()
    panel.title, panel.description, panel.datasource = title, description, DATASOURCE
    panel.grid_pos = model.GridPos(w=width, h=height)
    return panel


def _targets(queries: Sequence[Query]) -> list[Builder[Dataquery]]:
    return [_target(query, name) for name, query in zip(_NAMES, queries, strict=False)]


def _target(query: Query, name: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(name).expr(query.expression).range().datasource(DATASOURCE)
    target = target.editor_mode(formats.QueryEditorMode.CODE)
    return target.legend_format(query.legend) if query.legend else target


def _legend(*, as_table: bool) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().placement(styles.LegendPlacement.BOTTOM).show_legend(True)
    if not as_table:
        return legend.display_mode(styles.LegendDisplayMode.LIST)
    return legend.display_mode(styles.LegendDisplayMode.TABLE).calcs(["lastNotNull", "max"])


def _steps(thresholds: Thresholds) -> builders.ThresholdsConfig:
    steps = [model.Threshold(value=value, color=colour) for value, colour in thresholds]
    return builders.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _mappings(words: Words) -> list[model.ValueMapping]:
    if not words:
        return []
    results = {
        str(value): model.ValueMappingResult(text=word, color=colour, index=place)
        for place, (value, (word, colour)) in enumerate(words.items())
    }
    return [model.ValueMap(options=results)]


def _data_links(link: Link | None) -> list[Builder[model.DashboardLink]]:
    if link is None:
        return []
    return [builders.DashboardLink(link.title).type(model.DashboardLinkType.LINK).url(link.url)]


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def _fixed(colour: str) -> dict[str, str]:
    return {"mode": model.FieldColorModeId.FIXED.value, "fixedColor": colour}
