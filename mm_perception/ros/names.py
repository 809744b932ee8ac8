"""Names before and after remapping."""

from __future__ import annotations

from collections.abc import Mapping

from rclpy.node import Node


class NamedNode(Node):
    """A node that knows under which name to ask for a topic.

    Attributes:
        asked_as: Topic after remapping to a full name that becomes it.
    """

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.asked_as: dict[str, str] = {}


def name_for(node: Node, topic: str) -> str:
    """What a node has to ask for to get a topic: ROS remaps every name that it is asked for.

    Args:
        node: That publishes, subscribes or asks.
        topic: Full name after remapping. Remapped once more it would come back where two names
            are swapped, and go too far where one is given on.

    Returns:
        The topic itself where no rule is about it, or nothing better is known.
    """
    known: Mapping[str, str] = getattr(node, 'asked_as', {})
    for name in (topic, known.get(topic, topic)):
        if node.resolve_topic_name(name) == topic:
            return name
    return topic
