"""``python -m dashboards.grafana``: write ``dashboards/grafana/generated/`` anew."""

from pathlib import Path

from dashboards.grafana.catalogue import DASHBOARDS, as_json

#: What docker-compose.yml provisions Grafana with.
GENERATED = Path(__file__).parent / "generated"


def write(folder: Path) -> None:
    """All dashboards into a folder; files of dashboards that are no more are removed."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        if old.stem not in DASHBOARDS:
            old.unlink()
    for name, make in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(as_json(make()), encoding="utf-8")


if __name__ == "__main__":
    write(GENERATED)
