"""Makes what is shown of one alert in a process of its own, for ``streams.alert_pages``: out of the watch's way.

The question comes by standard input, with the settings and their secrets, which no command line or file shows. The
page, or the document, goes to standard output; else one sentence to standard error, with exit code 1.
"""

import json
import os
import sys
from pathlib import Path

from connectors.end_with_parent import end_with
from connectors.process_priority import step_back

#: A page is a few pictures; a larger one is none that a browser should get.
MOST_BYTES = 32 << 20


def question(state: Path, alert_id: str, settings: str, folder: Path, around_ns: int | None = None) -> bytes:
    """What the process is asked; it ends with this one.

    Parameters
    ----------
    settings
        As ``settings_text`` writes them.
    folder
        What is copied goes there; who asks removes it, as the process may be killed.
    around_ns
        Instead of the page, ``kept_shot_document`` of the shot at this event time is wanted.
    """
    asked = {
        "state": str(state),
        "alert": alert_id,
        "settings": settings,
        "folder": str(folder),
        "asker": os.getpid(),
        "around_ns": around_ns,
    }
    return json.dumps(asked).encode()


def main() -> int:
    """Answer the question on standard input."""
    asked = json.load(sys.stdin)
    end_with(asked["asker"])
    step_back()
    # Only now, as they are most of the work.
    from models.errors import PetawatchError  # noqa: PLC0415
    from streams.replay.kept_shot import kept_shot_page  # noqa: PLC0415
    from streams.replay.shot_document import kept_shot_document  # noqa: PLC0415
    from streams.settings import settings_of_text  # noqa: PLC0415

    wanted = Path(asked["state"]), settings_of_text(asked["settings"]), asked["alert"]
    folder, around_ns = Path(asked["folder"]), asked["around_ns"]
    try:
        if around_ns is None:
            page = kept_shot_page(*wanted, folder).encode()
        else:
            page = json.dumps(kept_shot_document(*wanted, around_ns, folder)).encode()
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
