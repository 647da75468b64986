"""Live results over ZeroMQ: message types, publisher, subscriber."""

from .messages import ARRAYS, DEFAULT_ADDRESS, WIRE_VERSION, Activation, ArraySpec, Message, Meta, Pose, Status
from .publisher import Publisher
from .subscriber import Received, Subscriber

__all__ = [
    "ARRAYS",
    "DEFAULT_ADDRESS",
    "WIRE_VERSION",
    "Activation",
    "ArraySpec",
    "Message",
    "Meta",
    "Pose",
    "Publisher",
    "Received",
    "Status",
    "Subscriber",
]
