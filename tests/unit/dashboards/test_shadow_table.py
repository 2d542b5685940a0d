"""What operators see of a shadow."""

from dataclasses import replace

from rich.console import Console

from dashboards.shadow_table import print_shadow
from models.images.shadow_comparison import ShadowCounts
from streams.shadow_findings import JudgedAlerts, ShadowFinding

FINDING = ShadowFinding(
    model="ae-new",
    production="ae-old",
    learned=True,
    going_on=True,
    counts=ShadowCounts(
        frames=1000, odd_both=9, odd_production=2, odd_shadow=3, alerts_production=4, alerts_shadow=5, alerts_shared=3,
        alerts_of_shadow_shared=2,
    ),
    first_ns=1_656_667_800_000_000_000,
    last_ns=1_656_667_900_000_000_000,
    judged=JudgedAlerts(true=2, true_shared=1, false=1),
)  # fmt: skip


def printed(*findings: tuple[str, ShadowFinding], terminal: bool = False) -> list[str]:
    console = Console(width=80, force_terminal=terminal, color_system=None)
    with console.capture() as capture:
        print_shadow(dict(findings), console)
    return capture.get().splitlines()


def test_a_row_per_camera_and_all_of_them_in_words() -> None:
    rows = printed(("Camera-1", FINDING), ("Camera-2[red]\x1b", replace(FINDING, going_on=False)))
    assert len(rows) == 5
    assert "  1000  9  2  3  4  5  3  1/2  0/1" in rows[1]
    assert "Camera-2[red]" in rows[2]
    assert "\x1b" not in rows[2]
    assert "ae-new (ended)" in rows[2]
    assert "2000 frames of 2 cameras, shots from 2022-07-01T09:30:00 to 2022-07-01T09:31:40: odd for both 18" in rows[3]
    assert rows[4] == ("the shadow would have raised 6 of the 8 alerts of production, and 6 that production has not")


def test_before_anything_is_compared() -> None:
    learning = replace(FINDING, learned=False, counts=ShadowCounts(), first_ns=None, last_ns=None)
    rows = printed(("Camera-1", learning))
    assert "ae-new (learns)" in rows[1]
    assert rows[2] == "nothing is compared yet: the shadow learns at 1 camera"


def test_a_terminal_of_80_columns_shows_a_block_per_camera_with_whole_names() -> None:
    camera = "LA_A3_31-Camera_1-Camera-1"
    finding = replace(FINDING, model="ae-0123456789ab", production="ae-ba9876543210")
    lines = [line.rstrip() for line in printed((camera, finding), ("Camera-2\x1b", finding), terminal=True)]
    assert max(map(len, lines)) <= 80
    assert lines[:8] == [
        camera,
        "  shadow      ae-0123456789ab",
        "  production  ae-ba9876543210",
        "  compared    1,000 frames, 2022-07-01T09:30:00 to 2022-07-01T09:31:40",
        "  odd frames  9 for both, 2 for production only, 3 for the shadow only",
        "  alerts      4 of production, 5 of the shadow, 3 shared",
        "  judged      the shadow has 1 of 2 true ones, 0 of 1 false ones",
        "Camera-2?",
    ]


def test_a_terminal_shows_where_the_shadow_still_learns_or_has_ended() -> None:
    learning = replace(FINDING, learned=False, counts=ShadowCounts(), first_ns=None, last_ns=None)
    ended = replace(FINDING, going_on=False, judged=JudgedAlerts())
    lines = [line.rstrip() for line in printed(("a", learning), ("b", ended), terminal=True)]
    assert lines[1:4] == ["  shadow      ae-new (learns)", "  production  ae-old", "  compared    nothing yet"]
    assert "  shadow      ae-new (ended)" in lines
    assert "  judged      no alert of production" in lines
