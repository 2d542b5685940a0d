"""A remount command as an operator configures one: ``remount.py SOCKET MOUNT``; needs nothing but Python."""

import json
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    with connection.makefile("rw") as stream:
        stream.write(json.dumps({"action": "remount", "mount": sys.argv[2]}) + "\n")
        stream.flush()
        answer = json.loads(stream.readline())
if "error" in answer:
    sys.exit(f"remount: {answer['error']}")
