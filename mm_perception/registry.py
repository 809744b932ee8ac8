"""Find a plugin by its name: a file under `plugins/`, or an entry point of another package."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mm_perception.errors import MmPerceptionError, PluginContractError, UnknownPluginError
from mm_perception.plugin import Plugin

ENTRY_POINT_GROUP = 'mm_perception.plugins'


def _own_names() -> set[str]:
    package = importlib.import_module('mm_perception.plugins')
    return {m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith('_')}


def _foreign() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def names() -> list[str]:
    """Every plugin there is, sorted; nothing is imported.

    Raises:
        PluginContractError: Another package registers a name that is taken.
    """
    own, foreign = _own_names(), _foreign()
    for name in own & foreign.keys():
        raise PluginContractError(
            name, f'entry point {foreign[name].value} uses the name of a plugin of mm_perception'
        )
    return sorted(own | foreign.keys())


def load(name: str) -> type[Plugin[Any]]:
    """Import one plugin and return its class.

    Raises:
        UnknownPluginError: No such name; the message lists what there is.
        PluginContractError: The module cannot be imported, or has no `PLUGIN` that is a Plugin
            subclass.
    """
    known = names()
    if name not in known:
        raise UnknownPluginError(name, known)
    plugin = _import(name)
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise PluginContractError(name, 'the module must end with PLUGIN = <a Plugin subclass>')
    return plugin


def _import(name: str) -> Any:
    """What the plugin's module offers.

    Raises:
        PluginContractError: The import fails, whatever for; says where.
    """
    foreign = _foreign().get(name)
    try:
        if foreign is not None:
            return foreign.load()
        return getattr(importlib.import_module(f'mm_perception.plugins.{name}'), 'PLUGIN', None)
    except MmPerceptionError:
        raise
    except Exception as error:
        raise PluginContractError(
            name, f'cannot be imported: {type(error).__name__}: {error} ({_place(error)})'
        ) from error


def _place(error: Exception) -> str:
    """File and line that a person has to look at; of a SyntaxError that of the text itself."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}, line {error.lineno}'
    frames = [f for f in traceback.extract_tb(error.__traceback__) if '<frozen' not in f.filename]
    return f'{frames[-1].filename}, line {frames[-1].lineno}'
