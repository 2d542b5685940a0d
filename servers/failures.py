"""What keeps a server from starting."""


class ServerMissingError(Exception):
    """What a server needs is not installed; the sentence says how to install it."""


class ServerFailedError(Exception):
    """A server did not do what it should; the sentence says where its log is."""
