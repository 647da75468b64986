"""Live results over ZeroMQ: message types, publisher, subscriber."""

from .messages import (
    ARRAYS,
    DEFAULT_ADDRESS,
    WIRE_VERSION,
    Activation,
    ArraySpec,
    Mesh,
    MeshInfo,
    Message,
    Meta,
    Pose,
    Status,
    mesh_arrays,
)
from .publisher import Publisher
from .subscriber import Received, Subscriber

__all__ = [
    "ARRAYS",
    "DEFAULT_ADDRESS",
    "WIRE_VERSION",
    "Activation",
    "ArraySpec",
    "Mesh",
    "MeshInfo",
    "Message",
    "Meta",
    "Pose",
    "Publisher",
    "Received",
    "Status",
    "Subscriber",
    "mesh_arrays",
]
