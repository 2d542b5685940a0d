"""The dead letter of a message that an agent refuses."""

from connectors.wire.codec import encode
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.message import Incoming, Outgoing
from streams.topology import AgentName, TopicName


def dead_letter(message: Incoming, agent: AgentName, *, reason: str, error: str, now_ns: int) -> Outgoing:
    """The message as it was, with the reason; letters of one partition of an input stay in their order."""
    encoded = encode(DeadLetterMessage(original=message, agent=str(agent), reason=reason, error=error, at_ns=now_ns))
    key = f"{message.topic}/{message.partition}".encode()
    return Outgoing(topic=TopicName.DEAD_LETTERS, key=key, value=encoded.value, headers=encoded.headers)
