"""*Archive and tape*: what is not safe yet, and whether it gets there."""

from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.board import Row, board
from dashboards.grafana.panels import GREEN, ORANGE, SKY, VERMILION, Query, lines, number

#: The row of what the keeper of the tapes tells.
TAPE_ROW = "Tape"

_SINKS = (("store", SKY), ("catalog", ORANGE))


def archive_and_tape() -> model.Dashboard:
    """The dashboard."""
    return board(
        "petawatch-archive",
        "Petawatch: archive and tape",
        "What is not safe yet, and whether it gets there.",
        [
            Row("Archive", [_waiting(), _oldest_now(), _left_out(), _evidence()]),
            Row("On the way", [_files(), _bytes(), _ages(), _stored()]),
            Row(TAPE_ROW, [_wanted(), _trouble(), _bundles(), _round(), _needs(), _bundles_over_time()]),
        ],
        console="/archive",
    )


def _waiting() -> model.Panel:
    return number(
        "Files that wait",
        "Snapshots, states and findings that are in no store yet. They are on the recorders' disks only: never free "
        "those by hand while this is not 0.",
        Query('sum(petawatch_archive_waiting_files{sink="store"})'),
        width=6,
        thresholds=[(None, GREEN), (100, ORANGE), (10_000, VERMILION)],
    )


def _oldest_now() -> model.Panel:
    return number(
        "The oldest waits for",
        "How long the oldest file has waited for store or catalog. When it grows, one of them does not take files: "
        "`petawatch check` says which, the alert `archive_late` why.",
        Query("max(petawatch_archive_oldest_age_seconds)"),
        unit="s",
        width=6,
        thresholds=[(None, GREEN), (3600, ORANGE), (86_400, VERMILION)],
    )


def _left_out() -> model.Panel:
    return number(
        "Left out",
        "Versions of files that could not be archived, since the outbox was made: gone or changed before they were "
        "read, or of a name that no store takes. `petawatch archive status` names the reasons.",
        Query('sum(petawatch_archive_files_total{result=~"file_gone|file_changed|archive_key"})'),
        width=6,
        thresholds=[(None, GREEN), (1, ORANGE)],
    )


def _evidence() -> model.Panel:
    return number(
        "Evidence",
        "Pictures of alerts in the state directory. The oldest go by `evidence.keep_days` and `evidence.keep_gib`.",
        Query("max(petawatch_evidence_bytes)"),
        unit="bytes",
        width=6,
    )


def _files() -> model.Panel:
    return lines(
        "Files that wait",
        "By what they wait for: the store, or, when the store has them, the catalog. A line that only grows: the "
        "store or the catalog is away or full.",
        *(
            Query(f'sum(petawatch_archive_waiting_files{{sink="{sink}"}})', f"for the {sink}", colour)
            for sink, colour in _SINKS
        ),
        unit="none",
        minimum=0,
    )


def _bytes() -> model.Panel:
    return lines(
        "Bytes that wait",
        "How much the recorders' disks hold that is nowhere else. Compare with their free room.",
        *(
            Query(f'sum(petawatch_archive_waiting_bytes{{sink="{sink}"}})', f"for the {sink}", colour)
            for sink, colour in _SINKS
        ),
        unit="bytes",
        minimum=0,
    )


def _ages() -> model.Panel:
    return lines(
        "How long the oldest waits",
        "By what it waits for. Beyond `archive.oldest_waiting_s` the alert `archive_late` opens, with the reason.",
        *(
            Query(f'max(petawatch_archive_oldest_age_seconds{{sink="{sink}"}})', f"for the {sink}", colour)
            for sink, colour in _SINKS
        ),
        unit="s",
        minimum=0,
    )


def _stored() -> model.Panel:
    return lines(
        "Archived per second",
        "How fast files go into the store. While files wait and this is 0, nothing gets through.",
        Query("sum(rate(petawatch_archive_stored_bytes_total[$__rate_interval]))", "archived", GREEN),
        unit="Bps",
        minimum=0,
    )


def _wanted() -> model.Panel:
    return number(
        "Wanted at the drives",
        "What the keeper of the tapes wants of a person: a cartridge with room, or one to be mounted anew, so that "
        "what is on it counts. `petawatch alerts` of the keeper names the cartridge.",
        Query('sum(petawatch_tape_needs{kind="tape_wanted"})'),
        width=6,
        thresholds=[(None, GREEN), (1, ORANGE)],
    )


def _trouble() -> model.Panel:
    return number(
        "Tape trouble",
        "Failed writes and readings, damaged or missing copies, wrong cartridges, a full disk. Nothing is freed on the "
        "disks that is not proven elsewhere; look at the drive, then at the operator's guide on tape.",
        Query('sum(petawatch_tape_needs{kind="tape_trouble"})'),
        width=6,
        thresholds=[(None, GREEN), (1, VERMILION)],
    )


def _bundles() -> model.Panel:
    return number(
        "Bundles on the disk",
        "Bundles that are not proven on as many cartridges as are wanted. At 8 no more are made until cartridges are "
        "mounted.",
        Query("max(petawatch_tape_bundles)"),
        width=6,
        thresholds=[(None, GREEN), (4, ORANGE), (8, VERMILION)],
    )


def _round() -> model.Panel:
    return number(
        "Latest round",
        "Since the keeper of the tapes has last looked at everything. Writing a bundle and reading it back takes some "
        "minutes; for hours says that a drive hangs.",
        Query("max(petawatch_tape_round_age_seconds)"),
        unit="s",
        width=6,
        thresholds=[(None, GREEN), (3600, ORANGE), (7200, VERMILION)],
    )


def _needs() -> model.Panel:
    return lines(
        "What a person is wanted for",
        "Needs of the keeper by reason; each is an alert, too. `no_room` and `remount` wait for hands, all others for "
        "somebody who finds out what is wrong.",
        Query("sum by (reason) (petawatch_tape_needs)", "{{reason}}"),
        unit="none",
        minimum=0,
    )


def _bundles_over_time() -> model.Panel:
    return lines(
        "Bundles without proven copies",
        "They come and go: each is written, read back after a remount, and leaves the disk. A line that stays says "
        "that a cartridge waits for its remount, or that no cartridge has room.",
        Query("max(petawatch_tape_bundles)", "bundles", SKY),
        unit="none",
        minimum=0,
    )
