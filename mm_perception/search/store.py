"""Where entries are kept: the small interface, and which store an address means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mm_perception.errors import ConfigError
from mm_perception.samples.sample import Array
from mm_perception.search.entry import Entry, Found, Where

#: What an address should be that is only looked at.
MADE = 'a folder that `mmp index` has made'


class Store(ABC):
    """Keeps entries of any number of spaces, and notes about what was done."""

    @abstractmethod
    def add(self, entries: Sequence[Entry]) -> None:
        """Keep entries; one whose key is known takes the place of the old one."""

    @abstractmethod
    def search(self, space: str, vector: Array, where: Where, limit: int) -> list[Found]:
        """The entries with the highest cosine, best first, the earlier one of two equals first.

        Args:
            space: In which to look; one that is not there has no entries.
            vector: (D,) float32 unit vector.
            where: Which entries count.
            limit: How many.
        """

    @abstractmethod
    def entries(self, space: str, where: Where, limit: int) -> list[Entry]:
        """Up to `limit` entries, earliest first."""

    @abstractmethod
    def count(self, space: str) -> int:
        """How many entries a space has."""

    @abstractmethod
    def spaces(self) -> list[str]:
        """All spaces, in alphabetical order."""

    @abstractmethod
    def remove(self, space: str, where: Where) -> None:
        """Forget entries."""

    @abstractmethod
    def trim(self, space: str, most: int, before_ns: int) -> None:
        """Forget of running cameras what ended before then, and the earliest above `most`.

        Entries of recordings stay.
        """

    @abstractmethod
    def note(self, key: str) -> str:
        """What was written down under a key; empty for nothing."""

    @abstractmethod
    def write_note(self, key: str, text: str) -> None:
        """Write something down."""

    @abstractmethod
    def notes(self) -> dict[str, str]:
        """All that was written down."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left and let go; closing twice is fine."""

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(address: str, *, makes: bool = True) -> Store:
    """Open the store at an address.

    Args:
        address: A folder; `qdrant:FOLDER` for one that Qdrant's engine keeps in this process;
            `http://host:6333` or `https://...` of a Qdrant server (its key in `$QDRANT_API_KEY`);
            empty for memory alone.
        makes: Whether a folder may be made.

    Raises:
        ConfigError: The folder is not there and must not be made, or it is no index.
        MissingDependencyError: What the address needs is not installed.
    """
    from mm_perception.search.sqlite_store import SqliteStore

    if not address:
        return SqliteStore(None)
    if address.startswith(('http://', 'https://', 'qdrant:')):
        from mm_perception.search.qdrant_store import QdrantStore

        return QdrantStore(address, makes=makes)
    folder = Path(address).expanduser()
    if not makes and not SqliteStore.is_in(folder):
        raise ConfigError('index', address, MADE)
    return SqliteStore(folder)
