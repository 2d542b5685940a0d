"""A mail server on a port of this computer: takes mails and keeps them."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(slots=True)
class MailSink:
    """What was sent, in order.

    Attributes
    ----------
    refusals
        So many of the next mails are refused for now (451).
    """

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refusals: int = 0


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    """Take mails by SMTP (RFC 5321) while the block runs."""

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 sink")
            while line := self.rfile.readline():
                verb = line.decode().strip().upper().partition(" ")[0]
                if verb == "DATA":
                    self.take()
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 fine")

        def take(self) -> None:
            if sink.refusals:
                sink.refusals -= 1
                self.say("451 later")
                return
            self.say("354 go on")
            lines: list[bytes] = []
            while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            sink.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self.say("250 taken")

        def say(self, answer: str) -> None:
            self.wfile.write(f"{answer}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Session) as server:
        sink = MailSink(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
