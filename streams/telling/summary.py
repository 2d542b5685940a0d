"""What is told to somebody of what goes on where it is too much to tell him one by one."""

import json

from connectors.control_room.outbox import SUMMARY, OutboxMessage
from connectors.webhooks.message_body import message
from dashboards.words import counted
from models.alarms.priority import Priority
from models.event_time import MILLISECOND_NS, format_iso
from streams.telling.listeners import Listener

# There are no later messages about it.
_SUBJECT = "summary"


def summary_message(
    one: Listener, *, alerts: int, incidents: int, priority: Priority, links: str, generation: str, now_ns: int
) -> OutboxMessage:
    """The message.

    Parameters
    ----------
    alerts, incidents
        How many go on that are not told one by one.
    priority
        The highest of them.
    links
        ``links.address``.
    generation
        Of the decisions that it is about.
    """
    event_id = f"{_SUBJECT}-{now_ns // MILLISECOND_NS}" + (f"-{generation}" if generation else "")
    if one.reads:
        body = json.dumps(_text(alerts, incidents, priority, links)).encode()
    else:
        now = format_iso(now_ns)
        data = {
            "event": _SUBJECT,
            "event_id": event_id,
            "sent_at": now,
            "alerts": alerts,
            "incidents": incidents,
            "priority": priority.value,
        }
        body = message(SUMMARY, now, data | ({"link": links} if links else {}))
    return OutboxMessage(
        receiver=one.name, subject_id=_SUBJECT, event_id=event_id, type=SUMMARY, body=body, created_ns=now_ns
    )


def _text(alerts: int, incidents: int, priority: Priority, links: str) -> dict[str, str]:
    counts = [counted(count, what) for count, what in ((incidents, "incident"), (alerts, "alert")) if count]
    lines = ["Too many to tell them one by one: look at the console. Of each of them only news is told from now on."]
    return {
        "title": f"[{priority}] {' and '.join(counts)} more {'goes' if alerts + incidents == 1 else 'go'} on",
        "text": "\n".join([*lines, links] if links else lines),
        "level": priority.value,
    }
