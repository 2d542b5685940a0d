"""A process of its own that acknowledges what it is told to, and says who won."""

import sys
from pathlib import Path

from connectors.clock import SystemClock
from models.errors import RecordError
from streams.alarms.alarm_desk import AlarmDesk
from streams.settings import default_settings


def main(state: Path, who: str) -> None:
    """For each id on the standard input: ``won``, or the sentence of the refusal."""
    desk = AlarmDesk(state, default_settings(), SystemClock())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        try:
            desk.acknowledge(line.strip(), by=who)
            answer = "won"
        except RecordError as error:
            answer = str(error)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
