"""What a replay gave: its alerts, beside those of another model, as documents and as a page."""

from dataclasses import dataclass, replace
from pathlib import Path

from connectors.alert_documents import alert_document
from connectors.evidence_store import EXPIRED
from connectors.kept_evidence import by_telling
from dashboards.replay_page import PictureOf, comparison_page, replay_page
from dashboards.replay_table import caveat_sentence, plan_sentences
from models.alerts.alert import Alert
from models.event_time import format_iso
from models.replay_comparison import ReplayComparison
from streams.replay.comparison import FoundAlert, alerts_of_stretch, compare_replays, comparison_document
from streams.replay.plan import ReplayPlan
from streams.replay.progress import Follow, ModelProgress
from streams.replay.replay import Replays
from streams.replay.run import AS_FAST_AS_IT_GOES, ReplayModels, ReplayOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResults:
    """The results of one stretch.

    Attributes
    ----------
    directories
        The state directories of the first model, and of the other one if there is one; named by the models.
    alerts
        Of the first model, those that touch the stretch.
    """

    plan: ReplayPlan
    directories: tuple[Path, ...]
    alerts: list[FoundAlert]
    comparison: ReplayComparison | None

    def document(self) -> dict[str, object]:
        """As JSON values."""
        return plan_document(self.plan) | {
            "results": [str(directory) for directory in self.directories],
            "alerts": [alert_document(alert, links) for alert, links in self.alerts],
            "comparison": None if self.comparison is None else comparison_document(self.comparison),
        }

    def page(self) -> str:
        """As one HTML file."""
        sentences = plan_sentences(self.plan, [directory.name for directory in self.directories], ())
        pictures = [_pictures(each, self.plan.from_ns, self.plan.to_ns) for each in self.directories]
        if self.comparison is None:
            return replay_page(sentences, [alert for alert, _ in self.alerts], pictures[0])
        return comparison_page(sentences, self.comparison, pictures[0], pictures[1])


def replay_stretch(
    replays: Replays,
    plan: ReplayPlan,
    *,
    other_model: str,
    into: Path | None,
    options: ReplayOptions = AS_FAST_AS_IT_GOES,
    follow: Follow | None = None,
) -> ReplayResults:
    """Replay with the model of the stretch, and with another one if it is named; see ``Replays.run``.

    Parameters
    ----------
    follow
        Told how far it has come, beside ``options.progress``.

    Raises
    ------
    FatalError
        What ``Replays.run`` raises, or a model can't be had.
    """
    finder = replays.models()
    first = finder.first(plan.state)
    models = [first, finder.other(other_model, first)] if other_model else [first]
    directories = tuple(
        replays.run(plan, each, into, _followed(replays, plan, options, follow, (each, number, len(models))))
        for number, each in enumerate(models, start=1)
    )
    return ReplayResults(
        plan=plan,
        directories=directories,
        alerts=alerts_of_stretch(directories[0], plan.from_ns, plan.to_ns),
        comparison=compare_replays(directories[0], directories[-1], plan.from_ns, plan.to_ns) if other_model else None,
    )


def _followed(
    replays: Replays, plan: ReplayPlan, options: ReplayOptions, follow: Follow | None, of: tuple[ReplayModels, int, int]
) -> ReplayOptions:
    """The options of one model's replay, whose progress is told to ``follow`` as well; which one of how many."""
    if follow is None:
        return options
    models, number, all_of_them = of
    told = ModelProgress(
        plan, models.in_use.name, number=number, models=all_of_them, clock=replays.clock, follow=follow
    )

    def both(done: int, files: int) -> None:
        told(done, files)
        if options.progress is not None:
            options.progress(done, files)

    return replace(options, progress=both)


def plan_document(plan: ReplayPlan) -> dict[str, object]:
    """A plan as JSON values."""
    return {
        "from": format_iso(plan.from_ns),
        "to": format_iso(plan.to_ns),
        "state": None if plan.state_file is None else plan.state_file.key,
        "changed_settings": list(plan.changed_settings),
        "caveat": caveat_sentence(plan),
        "files": [file.key for file in plan.files],
        "bytes": plan.size_bytes,
    }


def _pictures(directory: Path, from_ns: int, to_ns: int) -> PictureOf:
    links = {alert.id: found for alert, found in alerts_of_stretch(directory, from_ns, to_ns)}

    def of(alert: Alert) -> bytes | None:
        kept = by_telling(link for link in links.get(alert.id, ()) if link.png != EXPIRED)
        return (directory / kept[0].png).read_bytes() if kept else None

    return of
