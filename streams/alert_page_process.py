"""Makes the page of one alert in a process of its own, for ``streams.alert_pages``: out of the watch's way.

The question comes by standard input, with the settings and their secrets, which no command line or file shows. The
page goes to standard output; else one sentence to standard error, with exit code 1.
"""

import json
import os
import sys
from pathlib import Path

from connectors.end_with_parent import end_with
from connectors.process_priority import step_back

#: A page is a few pictures; a larger one is none that a browser should get.
MOST_BYTES = 32 << 20


def question(state: Path, alert_id: str, settings: str, folder: Path) -> bytes:
    """What the process is asked; it ends with this one.

    Parameters
    ----------
    settings
        As ``settings_text`` writes them.
    folder
        What is copied goes there; who asks removes it, as the process may be killed.
    """
    asked = {"state": str(state), "alert": alert_id, "settings": settings, "folder": str(folder), "asker": os.getpid()}
    return json.dumps(asked).encode()


def main() -> int:
    """Answer the question on standard input."""
    asked = json.load(sys.stdin)
    end_with(asked["asker"])
    step_back()
    # Only now, as they are most of the work.
    from models.errors import PetawatchError  # noqa: PLC0415
    from streams.replay.kept_shot import kept_shot_page  # noqa: PLC0415
    from streams.settings import settings_of_text  # noqa: PLC0415

    state, folder = Path(asked["state"]), Path(asked["folder"])
    try:
        page = kept_shot_page(state, settings_of_text(asked["settings"]), asked["alert"], folder).encode()
    except PetawatchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if len(page) > MOST_BYTES:
        sys.stderr.write("the page is too large to be served; petawatch replay --alert makes it as a file\n")
        return 1
    sys.stdout.buffer.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
