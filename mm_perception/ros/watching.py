"""The running ROS graph onto the stage of a viewer: what comes is drawn, the newest first."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from mm_perception.bag.transforms import TF_TOPICS
from mm_perception.errors import MmPerceptionError
from mm_perception.ros.recorder import CHATTER, Recorder
from mm_perception.ros.session import Session
from mm_perception.ros.wire import deserialize
from mm_perception.viewing.bags import Account, draw_any, is_wanted
from mm_perception.viewing.reading import Reading
from mm_perception.viewing.stage import Stage

#: Messages that wait per topic; pictures and scans are large, and only the newest are of interest.
_WAITING, _BULKY_WAITING = 100, 6
_BULKY = ('Image', 'CompressedImage', 'PointCloud2', 'OccupancyGrid')
#: For so long a message waits for the transform of its moment, which comes a little later.
_TF_S = 0.1
_LOOK_S = 0.5
_TURN_S = 0.01
#: Pictures that nodes draw for people only while somebody looks.
_DEBUG = 'debug'


@dataclass(frozen=True)
class _Message:
    topic: str
    came_ns: int
    data: bytes


class Watch:
    """Draws every topic that somebody publishes, in a thread of its own; a context manager.

    Nodes work while somebody subscribes to what they publish: looking makes them work.

    Args:
        stage: Where to; its transforms are filled from /tf.
        topics: Only these; none means all but logs and the pictures that nodes draw for people.
        local_only: Bind 127.0.0.1 and nothing else.
    """

    def __init__(self, stage: Stage, topics: Collection[str], *, local_only: bool) -> None:
        self.account = Account()
        #: Messages that gave way to newer ones.
        self.dropped = 0
        self._stage, self._topics = stage, set(topics)
        self._reading = Reading(is_whole=False)
        self._types: dict[str, str] = {}
        self._waiting: dict[str, deque[_Message]] = {}
        self._lock = threading.Lock()
        self._is_over = False
        self._session = Session('mmp_view', local_only=local_only)
        self._recorder = Recorder(self._session.node, self, self._wants, time.time_ns)
        self._looked_s = 0.0
        self._thread = threading.Thread(target=self._work, name='drawing', daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over = True
        self._thread.join()
        self._session.__exit__(None, None, None)

    @property
    def is_up(self) -> bool:
        """False after SIGTERM, or when drawing failed."""
        return self._session.is_up and self._thread.is_alive()

    def turn(self, timeout_s: float) -> None:
        """Look for topics that appeared, and take what comes."""
        now_s = time.monotonic()
        if now_s - self._looked_s > _LOOK_S:
            self._looked_s = now_s
            self._recorder.look()
            reasons = {t: why for t, why in self._reading.left_out.items() if why}
            self.account.left_out = {**self._recorder.left_out, **reasons}
        self._session.serve(timeout_s)

    def add_topic(
        self, topic: str, type_name: str, *, latched: bool = False, reliable: bool = True
    ) -> None:
        """The recorder has subscribed to it."""
        is_bulky = type_name.rsplit('/', 1)[-1] in _BULKY
        with self._lock:
            self._types[topic] = type_name
            self._waiting[topic] = deque(maxlen=_BULKY_WAITING if is_bulky else _WAITING)
            self._reading.add_topics({topic: type_name})

    def write(self, topic: str, came_ns: int, data: bytes) -> None:
        """The recorder has a message; the oldest of its topic gives way."""
        if topic in TF_TOPICS:  # at once, so that it is there for those that wait
            for transform in deserialize(data, self._types[topic]).transforms:
                self._stage.transforms.add(transform, is_static=TF_TOPICS[topic])
        with self._lock:
            queue = self._waiting[topic]
            self.dropped += len(queue) == queue.maxlen
            queue.append(_Message(topic, came_ns, data))

    def _wants(self, topic: str) -> bool:
        if topic in TF_TOPICS:
            return True
        if self._topics:
            return is_wanted(topic, self._topics)
        return topic not in CHATTER and _DEBUG not in topic.split('/')

    def _work(self) -> None:
        while not self._is_over:
            message = self._next()
            if message is None:
                time.sleep(_TURN_S)
            else:
                self._draw(message)

    def _next(self) -> _Message | None:
        """The oldest that has waited for its transform, or waits where there is no more room."""
        latest_ns = time.time_ns() - int(_TF_S * 1e9)
        with self._lock:
            ready = [
                queue[0]
                for queue in self._waiting.values()
                if queue and (queue[0].came_ns <= latest_ns or len(queue) == queue.maxlen)
            ]
            if not ready:
                return None
            oldest = min(ready, key=lambda message: message.came_ns)
            return self._waiting[oldest.topic].popleft()

    def _draw(self, message: _Message) -> None:
        with self._lock:
            if message.topic not in self._reading.topics:
                return
            try:
                taken = self._reading.take(message.topic, message.data, message.came_ns)
            except MmPerceptionError as error:
                self.account.fail(message.topic, error)
                return
        if taken is None:
            return
        topic, item = taken
        try:
            draw_any(self._stage, topic, item, self._types[message.topic], message.came_ns)
            self.account.drawn += 1
        except MmPerceptionError as error:
            self.account.fail(topic, error)
