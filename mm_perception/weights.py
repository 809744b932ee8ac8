"""What a `weights:` parameter can say, and where the files are.

`nano` (trained by this repository, in `mm_perception/weights/<net>/`), `random` or `random:<variant>`,
a local file or directory, or a hub id `org/name` that `mmp fetch` has brought. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from mm_perception.errors import WeightsError

NANO = Path(__file__).parent / 'weights'
_MODEL_FILES = ('*.safetensors', '*.bin', '*.pt', '*.pth')


def locate(source: str, net: str) -> str:
    """Turn `nano` into its directory; every other value is left to the network's own loader.

    Raises:
        WeightsError: This version has no nano weights for the network.
    """
    if source != 'nano':
        return source
    path = NANO / net
    if not (path / 'config.json').is_file():
        raise WeightsError(source, f'this version has none for {net}', 'give a hub id or a path')
    return str(path)


def local_directory(source: str) -> Path:
    """The directory of a local path or hub id.

    Raises:
        WeightsError: It is not on this machine; the message says how to get it.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise WeightsError(source, 'not on this machine', f'run: mmp fetch {source}') from error


def directory_sha256(folder: Path) -> str:
    """Hash of the weight files in a directory, computed once per change."""
    files = sorted(f for pattern in _MODEL_FILES for f in folder.rglob(pattern))
    if not files:
        raise WeightsError(str(folder), 'holds no weights', f'expected {", ".join(_MODEL_FILES)}')
    return _hash(tuple((str(f), f.stat().st_mtime_ns) for f in files))


@lru_cache(maxsize=32)
def _hash(files: tuple[tuple[str, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _ in files:
        with open(name, 'rb') as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
