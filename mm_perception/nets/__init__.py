"""The networks, pure torch: no ROS, no plugin contract."""

from transformers.utils import logging

logging.disable_progress_bar()  # of loading, which takes less time than reading about it
