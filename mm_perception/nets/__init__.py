"""The networks, pure torch: no ROS, no plugin contract."""

from typing import Any

from transformers.utils import logging

_quiet: Any = logging.disable_progress_bar  # carries no types
_quiet()  # loading takes less time than reading about it
