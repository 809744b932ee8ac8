"""Where what the world has made is kept, so that it is not made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$MMP_CACHE`, or `mm_perception` in the user's cache."""
    base = os.environ.get('MMP_CACHE') or Path(
        os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'mm_perception'
    )
    return Path(base).absolute()
