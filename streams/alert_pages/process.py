"""Makes what is shown of alerts in a process of its own, for ``streams.alert_pages``: out of the watch's way.

It answers on standard output what it is asked on standard input, in the words of ``protocol``. It ends when nobody asks
for a while, when it has grown large, and with the one that started it.
"""

import json
import os
import select
import sys
from dataclasses import asdict, replace
from typing import BinaryIO

from connectors.end_with_parent import end_with
from connectors.process_priority import step_back


def main() -> int:
    """Answer the questions on standard input."""
    # Not buffered: what is waiting is seen by select.
    questions = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - standard input
    answers = _own_output()
    begun = json.loads(questions.readline())
    end_with(begun["asker"])
    step_back()
    # Only now, as it is most of the work.
    from streams.alert_pages.answers import answered  # noqa: PLC0415
    from streams.settings import settings_of_text  # noqa: PLC0415

    settings = settings_of_text(begun["settings"])
    while select.select([questions], [], [], begun["idle_s"])[0]:
        line = questions.readline()
        if not line:  # nobody asks any more
            return 0
        asked = json.loads(line)
        head, content = answered(asked, settings)
        answers.write(json.dumps(asdict(replace(head, asked=asked))).encode() + b"\n" + content)
        answers.flush()
        if head.last:
            return 0
    return 0


def _own_output() -> BinaryIO:
    """Standard output, for answers alone: what libraries write there goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    sys.exit(main())
