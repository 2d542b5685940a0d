"""Small processes that answer as the one does that makes pages of alerts."""

#: It answers as the program defines.
SERVING = """
import json, os, pathlib, sys, time
begun = json.loads(sys.stdin.readline())
def tell(content, **head):
    head = {"size": len(content), "failure": "", "lasting": True, "last": False, "asked": asked} | head
    sys.stdout.write(json.dumps(head) + "\\n" + content)
    sys.stdout.flush()
def made(asked):
    with open(asked["state"] + "/made", "a") as file:
        file.write(asked["alert"] + "\\n")
    tell("<html>" + asked["alert"])
%s
for line in sys.stdin:
    asked = json.loads(line)
    answer(asked)
"""
COUNTING = SERVING % "answer = made"
PIDS = (
    SERVING
    % """
def answer(asked):
    with open(asked["state"] + "/pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
    made(asked)
"""
)
HANGING = SERVING % "def answer(asked): time.sleep(600)"
