"""What a `weights:` parameter can say, and where the files are.

`nano` (trained by this repository, in `mm_perception/weights/<net>/`), `random` or
`random:<variant>`, a local file or directory, or a hub id `org/name` that `mmp fetch` has brought.
Nothing but `fetch` downloads.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from mm_perception.errors import WeightsError

NANO = Path(__file__).parent / 'weights'
OPEN_CLIP = 'open_clip:'
# Copies of the same weights for other frameworks, which many repositories carry.
_FOREIGN_FILES = ('*.h5', '*.msgpack', '*.onnx', '*.onnx_data', '*.ot', '*.tflite', '*.mlmodel')
_offline_lock = threading.RLock()
M = TypeVar('M')
_MODEL_FILES = ('*.safetensors', '*.bin', '*.pt', '*.pth')
_SUFFIXES = tuple(pattern[1:] for pattern in _MODEL_FILES)
_HUB_ID = re.compile(r'[\w.-]+/[\w.-]+')


@dataclass(frozen=True)
class LoadedModel(Generic[M]):
    """A model in eval mode on the CPU in float32, and where it came from.

    Attributes:
        model: The network.
        source: What `weights:` said.
        sha256: Of the weights file; of all tensors for random weights.
        licence: Of the weights.
    """

    model: M
    source: str
    sha256: str
    licence: str


def locate(source: str, net: str) -> str:
    """Turn `nano` into its directory; every other value is left to the network's own loader.

    Raises:
        WeightsError: This version has no nano weights for the network.
    """
    if source != 'nano':
        return source
    path = NANO / net
    if not (path / 'model.safetensors').is_file():
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


def problem_with(source: str) -> WeightsError | None:
    """What is known to be wrong with a `weights:` value, without loading it; None if nothing is.

    Files and hub ids are looked for. Of a word that is neither (nano, random, the name of a
    library's own model) nothing is known.
    """
    path = Path(source).expanduser()
    if source.startswith(('/', '~', '.')) or path.suffix in _SUFFIXES:
        if path.exists():
            return None
        return WeightsError(source, 'there is no such file', 'give a path that exists')
    if path.exists() or not _HUB_ID.fullmatch(source):
        return None
    try:
        local_directory(source)
    except WeightsError as error:
        return error
    return None


@contextmanager
def offline() -> Iterator[None]:
    """Keep libraries that load by hub id from reaching for the network, in this process."""
    from huggingface_hub import constants

    with _offline_lock:
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


def fetch(source: str) -> Path:
    """Download public weights into the local cache, with a progress bar.

    Args:
        source: `org/name` on the hub, or `open_clip:MODEL/TAG`.

    Returns:
        Where they are now.

    Raises:
        WeightsError: No such weights, no connection, or their licence was not accepted.
    """
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        return _fetch_open_clip(source) if source.startswith(OPEN_CLIP) else _fetch_hub(source)
    except GatedRepoError as error:
        fix = f'accept it at https://huggingface.co/{source}, then run: hf auth login'
        raise WeightsError(source, 'its licence must be accepted first', fix) from error
    except (HFValidationError, RepositoryNotFoundError) as error:
        raise WeightsError(source, 'the hub has no such weights', 'check the spelling') from error
    except (OSError, RuntimeError) as error:
        fix = 'check the connection, and that HF_HUB_OFFLINE is not set'
        raise WeightsError(source, f'cannot be downloaded ({error})', fix) from error


def _fetch_hub(source: str) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(source, ignore_patterns=list(_FOREIGN_FILES)))


def _fetch_open_clip(source: str) -> Path:
    import open_clip

    model, _, tag = source.removeprefix(OPEN_CLIP).partition('/')
    settings = open_clip.get_pretrained_cfg(model, tag)
    if not settings:
        known = ', '.join(open_clip.list_pretrained_tags_by_model(model)) or 'none'
        raise WeightsError(source, 'open_clip has no such weights', f'tags of {model}: {known}')
    path = Path(open_clip.download_pretrained(settings))
    open_clip.get_tokenizer(model)  # some models take theirs from the hub
    return path


def directory_sha256(folder: Path) -> str:
    """Hash of the weight files in a directory, computed once per change."""
    files = sorted(f for pattern in _MODEL_FILES for f in folder.rglob(pattern))
    if not files:
        raise WeightsError(str(folder), 'holds no weights', f'expected {", ".join(_MODEL_FILES)}')
    return _hash(tuple((str(f), f.stat().st_mtime_ns) for f in files))


def file_sha256(path: Path) -> str:
    """Hash of one file, computed once per change."""
    return _hash(((str(path), path.stat().st_mtime_ns),))


def state_sha256(model: Any) -> str:
    """Hash of all tensors of a torch network on the CPU: of random weights, which have no file."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


@lru_cache(maxsize=32)
def _hash(files: tuple[tuple[str, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _ in files:
        with open(name, 'rb') as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
