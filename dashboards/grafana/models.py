"""*Models*: what the models say, how right they are, and how a shadow compares with what is in production."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.board import Row, board
from dashboards.grafana.panels import (
    GREEN,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    YELLOW,
    Column,
    Query,
    bars,
    classes,
    lines,
    number,
    rows,
)


def models() -> model.Dashboard:
    """The dashboard."""
    return board(
        "petawatch-models",
        "Petawatch: models",
        "What the models say, how right they are, and how a shadow compares with what is in production.",
        [
            Row("In use", [_in_use(), _shadow_in_use(), _refused(), _learning()]),
            Row("Scores", [_scores(), _beyond(), _anomalous(), _quantiles()]),
            Row("Drift", [_distance(), _drifts()]),
            Row("Verdicts", [_precision(), _verdicts()]),
            Row("Shadow against production", [_frames(), _agreement(), _alerts()]),
        ],
        console="/replay",
    )


def _in_use() -> model.Panel:
    return number(
        "In production",
        "The models that score, each with its number of cameras. After a promotion cameras change one by one, once "
        "the new model has learned them; two models for long say that workers differ.",
        Query("sum by (model) (petawatch_model_cameras)", "{{model}}"),
        width=9,
    )


def _shadow_in_use() -> model.Panel:
    return number(
        "Shadow",
        "The model that scores beside it, without a say. `petawatch models` promotes it when it has proved better.",
        Query("max by (model) (petawatch_shadow_model_info)", "{{model}}"),
        width=5,
        words={1: ("scores", SKY)},
    )


def _refused() -> model.Panel:
    return number(
        "Refused models",
        "Models that were to be used and can't be: tampered with, or made for another program. Standard error says "
        "why; the model before goes on.",
        Query("sum(petawatch_models_refused_total) or vector(0)"),
        width=5,
        thresholds=[(None, GREEN), (1, VERMILION)],
    )


def _learning() -> model.Panel:
    return number(
        "Learning",
        "The share of images that are not scored yet since their camera was seen too little. It falls to 0 within "
        "minutes of beam; what is learned on is not judged.",
        Query(
            'sum(increase(petawatch_scored_records_total{kind="camera", scoring="learning"}[$__range])) / sum(increase('
            'petawatch_scored_records_total{kind="camera", scoring=~"learning|scored"}[$__range]))'
        ),
        unit="percentunit",
        width=5,
        thresholds=[(None, GREEN), (0.1, ORANGE)],
    )


def _scores() -> model.Panel:
    return classes(
        "Scores of images",
        "How many images fell into each class of scores. Normal ones thin out by ten with each step of 1; a bright "
        "band above 3 is an episode, a bulk that moves up slowly is a drift, or a model that does not fit any more.",
        Query('sum by (le) (increase(petawatch_score_bucket{kind="camera"}[$__rate_interval]))', "{{le}}"),
    )


def _beyond() -> model.Panel:
    bucket = "petawatch_score_bucket{le="
    return lines(
        "Share of scores above 3",
        "Of normal records one in a thousand scores above 3, by the score's definition. Ten times as many for hours, "
        "without an incident, says that the tails do not fit: train on newer data.",
        Query(
            f'1 - sum by (kind) (rate({bucket}"3.0"}}[$__rate_interval]))'
            f' / sum by (kind) (rate({bucket}"+Inf"}}[$__rate_interval]))',
            "{{kind}}",
        ),
        unit="percentunit",
        minimum=0,
        limit=0.01,
    )


def _anomalous() -> model.Panel:
    return lines(
        "Anomalous records per second",
        "Records found odd by their own device's scores, by kind. Compare with the incidents: many records without "
        "one are single ones, which open nothing.",
        Query("sum by (kind) (rate(petawatch_anomalous_records_total[$__rate_interval]))", "{{kind}}"),
        unit="reqps",
        minimum=0,
    )


def _quantiles() -> model.Panel:
    buckets = 'sum by (le) (rate(petawatch_score_bucket{kind="camera"}[$__rate_interval]))'
    return lines(
        "Quantiles of images' scores",
        "Half of the images score below the median (0.3 when all is normal), 99 of 100 below the other one (2). Both "
        "rise with a drift.",
        Query(f"histogram_quantile(0.5, {buckets})", "median", SKY),
        Query(f"histogram_quantile(0.99, {buckets})", "99 %", ORANGE),
        unit="none",
        minimum=0,
    )


def _distance() -> model.Panel:
    return lines(
        "Distance from the usual beam, largest of each stage",
        "How far place, size, shape and sum of the beams are from what is usual. A slow rise is a drift: align, or "
        "accept it with `petawatch baseline`.",
        Query("max by (stage) (petawatch_beam_moments_distance)", "{{stage}}"),
        unit="none",
        minimum=0,
    )


def _drifts() -> model.Panel:
    return lines(
        "Alerts opened",
        "Alerts by kind since the program's start. `drift` tells of beams that were led away slowly; a kind that leads "
        "by far is worth a look at its verdicts.",
        Query("sum by (kind) (petawatch_alerts_opened_total) > 0", "{{kind}}"),
        unit="none",
        minimum=0,
    )


def _precision() -> model.Panel:
    return bars(
        "Precision by verdicts",
        "Of the episodes that operators judged, those that were true, by kind. Below one half a kind cries wolf: see "
        "the operator's guide on thresholds. Few verdicts say little: see the counts beside.",
        Query(
            'sum by (kind) (petawatch_judged_episodes{verdict="true"})'
            ' / (sum by (kind) (petawatch_judged_episodes{verdict=~"true|false"}) > 0)',
            "{{kind}}",
        ),
        unit="percentunit",
        thresholds=[(None, VERMILION), (0.5, ORANGE), (0.9, GREEN)],
        most=1,
    )


def _verdicts() -> model.Panel:
    return rows(
        "Verdicts",
        "Judged episodes by kind and verdict; of an episode the latest verdict counts. Judge in the console or with "
        "`petawatch verdict`: trainings leave out what was true.",
        Query("sum by (kind, verdict) (petawatch_judged_episodes) > 0"),
        {"kind": Column("Kind"), "verdict": Column("Verdict"), "Value": Column("Episodes")},
        width=12,
    )


def _frames() -> model.Panel:
    return lines(
        "Frames found odd, per second",
        "Of the frames that both models scored, by who found them odd. What only the shadow finds is either missed by "
        "production or a false alarm of the shadow: look at both.",
        *(
            Query(f'sum(rate(petawatch_shadow_frames_total{{odd_for="{finder}"}}[$__rate_interval]))', finder, colour)
            for finder, colour in (("both", GREY), ("production", SKY), ("shadow", ORANGE))
        ),
        unit="reqps",
        width=10,
        minimum=0,
    )


def _agreement() -> model.Panel:
    frames = "petawatch_shadow_frames_total"
    return number(
        "Frames that both see alike",
        "Of all frames that both models scored in the time shown, those on which they agree.",
        Query(f'sum(increase({frames}{{odd_for=~"both|neither"}}[$__range])) / sum(increase({frames}[$__range]))'),
        unit="percentunit",
        width=4,
        height=8,
        thresholds=[(None, ORANGE), (0.99, GREEN)],
    )


def _alerts() -> model.Panel:
    return lines(
        "Alerts of both models",
        "Image alerts that each model opened since the program's start, and those of them during which the other one "
        "had one, too. `petawatch models shadow` shows them by camera, with the verdicts.",
        *(
            Query(f'sum(petawatch_shadow_{name}_total{{model_role="{role}"}})', f"{role}, {word}", colour)
            for role, name, word, colour in (
                ("production", "alerts", "all", SKY),
                ("production", "shared_alerts", "shared", GREEN),
                ("shadow", "alerts", "all", ORANGE),
                ("shadow", "shared_alerts", "shared", YELLOW),
            )
        ),
        unit="none",
        width=10,
        minimum=0,
    )
