"""Connections of browsers: one that asks for nothing is closed, so that it takes no one's place."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# A request is small, its form included, and sent at once; networks are slow for seconds at most.
_REQUEST_WITHIN_S = 10.0
# Half of all, so that one computer leaves room for others. A proxy before it stands for many, and limits them itself.
_MOST_BY_ADDRESS = 256


class PromptConnection(H11Protocol):
    """One connection, which has to bring a whole request in time; between requests the server's keep-alive counts."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It begins, unless its computer has too many."""
        super().connection_made(transport)
        theirs = [each for each in self.connections if isinstance(each, PromptConnection) and each.is_of(self.client)]
        if len(theirs) > _MOST_BY_ADDRESS and not self.config.proxy_headers:
            transport.close()
        else:
            self._expect()

    def data_received(self, data: bytes) -> None:
        """Part of a request, a whole one, or more."""
        super().data_received(data)
        if self._has_whole_request():
            self._expect_nothing()
        elif self._overdue is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._expect_nothing()
        super().connection_lost(exc)

    def is_of(self, client: tuple[str, int] | None) -> bool:
        """Whether it comes from the same computer as a client."""
        return self.client is not None and client is not None and self.client[0] == client[0]

    def _has_whole_request(self) -> bool:
        """Whether one has come that is being answered."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def _expect(self) -> None:
        self._overdue = self.loop.call_later(_REQUEST_WITHIN_S, self._give_up)

    def _expect_nothing(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self._overdue = None
        if not self._has_whole_request():
            self.transport.close()
