"""The tables of decisions.sqlite, and how a file of an earlier program becomes one of this."""

#: Counts up with every change of the tables. 0 is a file of a program that knew verdicts and baselines only.
SCHEMA_VERSION = 3

#: Of incidents: people were told of it; somebody has to see something of that; that, or it goes on. Queries with the
#: words of the last two have an index.
ANNOUNCED = "announced_ns IS NOT NULL"
UNACKNOWLEDGED = f"({ANNOUNCED} AND acknowledged_ns IS NULL)"
UNFINISHED = f"(state = 'open' OR {UNACKNOWLEDGED})"

#: The note in a file of before ``told`` until a keeper has seen to what could not be taken over from version 1.
TOLD_UNCHECKED = "told_unchecked"

#: They are made with the file: those of version 0, which this program reads and writes as they are.
FIRST_TABLES = (
    """CREATE TABLE IF NOT EXISTS verdicts (
        number INTEGER PRIMARY KEY, alert_id TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
        who TEXT NOT NULL, at_ns INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS baselines (
        id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, from_ns INTEGER NOT NULL,
        reason TEXT NOT NULL, who TEXT NOT NULL)""",
)

_ALARMS = """CREATE TABLE alarms (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, front_end TEXT NOT NULL, amp TEXT NOT NULL,
    arm TEXT NOT NULL, device TEXT NOT NULL, priority TEXT NOT NULL, state TEXT NOT NULL, life TEXT NOT NULL,
    due_ns INTEGER, latest_alert_id TEXT NOT NULL DEFAULT '', acknowledged_ns INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '', covered_by TEXT NOT NULL DEFAULT '', covered_why TEXT NOT NULL DEFAULT '')
    WITHOUT ROWID"""

_ACTIVATIONS = """CREATE TABLE activations (
    alert_id TEXT PRIMARY KEY, alarm_id TEXT NOT NULL, incident_id TEXT NOT NULL, scope TEXT NOT NULL,
    open INTEGER NOT NULL, front_end TEXT NOT NULL, amp TEXT NOT NULL, arm TEXT NOT NULL,
    first_shot_ns INTEGER NOT NULL,
    last_shot_ns INTEGER NOT NULL, alert TEXT NOT NULL, known_ns INTEGER NOT NULL, file_closed_ns INTEGER,
    announced_ns INTEGER, acknowledged_ns INTEGER, acknowledged_by TEXT NOT NULL DEFAULT '') WITHOUT ROWID"""

_INCIDENTS = """CREATE TABLE incidents (
    id TEXT PRIMARY KEY, first_alert_id TEXT NOT NULL, priority TEXT NOT NULL, state TEXT NOT NULL,
    first_shot_ns INTEGER NOT NULL, last_shot_ns INTEGER NOT NULL, opened_ns INTEGER NOT NULL, closed_ns INTEGER,
    closes_ns INTEGER, origin TEXT NOT NULL, stages TEXT NOT NULL, kinds TEXT NOT NULL, subjects TEXT NOT NULL,
    episodes INTEGER NOT NULL, open_episodes INTEGER NOT NULL, announced_ns INTEGER, acknowledged_ns INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '', revision INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID"""

_SUPPRESSIONS = """CREATE TABLE suppressions (
    number INTEGER PRIMARY KEY, stage TEXT NOT NULL, cause TEXT NOT NULL, from_ns INTEGER NOT NULL, until_ns INTEGER,
    who TEXT NOT NULL, why TEXT NOT NULL, ended_ns INTEGER, ended_by TEXT NOT NULL DEFAULT '')"""

_AUDIT = """CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, why TEXT NOT NULL, details TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)"""

#: What was not delivered yet; ``subject_id`` (an alert's or an incident's id) is the line in which messages keep order.
_OUTBOX = """CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, subject_id TEXT NOT NULL, event_id TEXT NOT NULL,
    type TEXT NOT NULL, body BLOB NOT NULL, created_ns INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_ns INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '')"""

_RECEIPTS = """CREATE TABLE receipts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, subject_id TEXT NOT NULL, event_id TEXT NOT NULL,
    type TEXT NOT NULL, body BLOB NOT NULL, created_ns INTEGER NOT NULL, delivered_ns INTEGER NOT NULL,
    status TEXT NOT NULL, attempts INTEGER NOT NULL)"""

_RECEIVERS = """CREATE TABLE receivers (
    name TEXT PRIMARY KEY, failing_since_ns INTEGER NOT NULL, suspended_since_ns INTEGER,
    gone INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL) WITHOUT ROWID"""

_FROM_0 = (
    *FIRST_TABLES,
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # Of this file alone: who begins anew without it must not write ids of messages that receivers have seen.
    "INSERT INTO meta (name, value) VALUES ('generation', lower(hex(randomblob(4))))",
    _ALARMS,
    "CREATE INDEX alarms_by_due ON alarms (due_ns) WHERE due_ns IS NOT NULL",
    "CREATE INDEX alarms_by_stage ON alarms (front_end, amp, arm)",
    _ACTIVATIONS,
    "CREATE INDEX activations_by_alarm ON activations (alarm_id, open)",
    "CREATE INDEX activations_by_incident ON activations (incident_id, first_shot_ns)",
    "CREATE INDEX activations_by_time ON activations (scope, first_shot_ns)",
    "CREATE INDEX activations_open ON activations (open) WHERE open",
    """CREATE INDEX activations_unseen ON activations (alarm_id)
    WHERE announced_ns IS NOT NULL AND acknowledged_ns IS NULL""",
    _INCIDENTS,
    "CREATE INDEX incidents_by_time ON incidents (first_shot_ns, id)",
    "CREATE INDEX incidents_by_state ON incidents (state, first_shot_ns, id)",
    f"CREATE INDEX incidents_unfinished ON incidents (first_shot_ns, id) WHERE {UNFINISHED}",
    f"CREATE INDEX incidents_unacknowledged ON incidents (first_shot_ns, id) WHERE {UNACKNOWLEDGED}",
    "CREATE INDEX incidents_by_end ON incidents (closes_ns) WHERE closes_ns IS NOT NULL",
    _SUPPRESSIONS,
    "CREATE INDEX suppressions_in_force ON suppressions (stage) WHERE ended_ns IS NULL",
    _AUDIT,
    # INSERT OR REPLACE removes what stands under the number without asking the trigger of removals.
    """CREATE TRIGGER audit_is_not_exchanged BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END""",
    """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END""",
    """CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END""",
    _OUTBOX,
    "CREATE INDEX outbox_lines ON outbox (receiver, subject_id, id)",
    "CREATE INDEX outbox_in_order ON outbox (receiver, id)",
    "CREATE INDEX outbox_by_attempts ON outbox (receiver, attempts, id)",
    "CREATE UNIQUE INDEX outbox_events ON outbox (receiver, event_id)",
    _RECEIPTS,
    "CREATE INDEX receipts_by_subject ON receipts (subject_id, id)",
    "CREATE INDEX receipts_by_event ON receipts (receiver, event_id)",
    "CREATE INDEX receipts_by_time ON receipts (delivered_ns)",
    _RECEIVERS,
)

#: Who knows of which alert or incident, until 30 days after its end. While it goes on it is kept however long that is.
#: By the subject first: each announcement asks who knows of one.
_TOLD = """CREATE TABLE told (
    receiver TEXT NOT NULL, subject_id TEXT NOT NULL, goes_on INTEGER NOT NULL, at_ns INTEGER NOT NULL,
    PRIMARY KEY (subject_id, receiver)) WITHOUT ROWID"""

# What goes on, and what is over and was never said to be. What nobody got, nobody was told of.
_TOLD_SO_FAR = """INSERT INTO told (receiver, subject_id, goes_on, at_ns)
    SELECT receiver, subject_id,
        NOT max(type IN ('alert.closed', 'incident.closed'))
        OR EXISTS (SELECT 1 FROM activations WHERE alert_id = subject_id AND open)
        OR EXISTS (SELECT 1 FROM incidents WHERE incidents.id = subject_id AND state = 'open'), max(created_ns)
    FROM (SELECT receiver, subject_id, type, created_ns FROM outbox UNION ALL
        SELECT receiver, subject_id, type, created_ns FROM receipts WHERE status <> 'dropped')
    WHERE type <> 'incident.acknowledged' GROUP BY receiver, subject_id"""

_FROM_1 = (
    _TOLD,
    "CREATE INDEX told_going_on ON told (receiver, subject_id) WHERE goes_on",
    _TOLD_SO_FAR,
    # A program of version 1 may go on beside this one. And of what goes on for longer than receipts are kept only who
    # has the settings can say who was told.
    f"INSERT INTO meta (name, value) VALUES ('{TOLD_UNCHECKED}', 1)",  # noqa: S608 - a word of our own
    # Accepted at a facility, and perhaps not known to its agents yet.
    "CREATE TABLE untold_baselines (id INTEGER PRIMARY KEY)",
)

_FROM_2 = ("CREATE INDEX audit_by_subject ON audit (subject)",)

#: What makes a file of each earlier version one of the next.
MIGRATIONS = {0: _FROM_0, 1: _FROM_1, 2: _FROM_2}
