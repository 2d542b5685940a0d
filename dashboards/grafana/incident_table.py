"""Tables of active incidents and of their alerts, with pictures, and the way to them in the console."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.panels import Column, Query, rows

_IN_THE_CONSOLE = {
    "links": [{"title": "Open in the console", "url": "${console}/incidents/${__value.text}", "targetBlank": True}]
}
_PICTURE = {"custom.cellOptions": {"type": "image"}, "custom.width": 180}
# Only of these does the console have pictures.
_PICTURED = "image_anomaly/(.+)"


def incident_table(title: str, alerts: str = "", *, width: int = 14) -> model.Panel:
    """The active incidents, or those with an alert that ``alerts`` (matchers of PromQL) select."""
    labels = ("incident", "priority", "standing", "stage", "subject", "kind")
    incidents = f"max by ({', '.join(labels)}) (petawatch_active_incident_info)"
    chosen = f"{incidents} and on (incident) petawatch_active_alert_info{{{alerts}}}" if alerts else incidents
    return rows(
        title,
        "The newest active incidents, at most 20, with what their first alert is about. A click on an incident leads "
        "to its evidence in the console, where it is acknowledged, shelved or judged.",
        Query(chosen),
        {
            "priority": Column("Priority"),
            "standing": Column("Standing"),
            "stage": Column("Stage"),
            "subject": Column("Where"),
            "kind": Column("What"),
            "incident": Column("Incident", _IN_THE_CONSOLE),
        },
        width=width,
        height=10,
    )


def picture_table(title: str, matchers: str = "", *, width: int = 10) -> model.Panel:
    """The alerts of active incidents that ``matchers`` (of PromQL) select, with their pictures."""
    labels = ("alert", "incident", "stage", "subject", "kind", "status", "severity")
    alerts = f"max by ({', '.join(labels)}) (petawatch_active_alert_info{{{matchers}}})"
    picture = '"picture", "${console}/api/v1/evidence/$1/worst.png"'
    return rows(
        title,
        "Alerts of the newest active incidents, at most 60; an image alert with its worst image: raw, cleaned, "
        "reconstructed, and what differs. The pictures come from the console: sign in there first.",
        Query(f'label_replace(label_join({alerts}, "of", "/", "kind", "alert"), {picture}, "of", "{_PICTURED}")'),
        {
            "picture": Column("Worst image", _PICTURE),
            "subject": Column("Where"),
            "kind": Column("What"),
            "severity": Column("Severity"),
            "status": Column("Status"),
            "incident": Column("Incident", _IN_THE_CONSOLE),
        },
        hidden=("alert", "of", "stage"),
        width=width,
        height=10,
    )
