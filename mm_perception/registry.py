"""Find a plugin by its name: a file under `plugins/`, or an entry point of another package."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mm_perception.errors import PluginContractError, UnknownPluginError
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
        PluginContractError: The module has no `PLUGIN` that is a Plugin subclass.
    """
    known = names()
    if name not in known:
        raise UnknownPluginError(name, known)
    foreign = _foreign().get(name)
    if foreign is not None:
        plugin = foreign.load()
    else:
        module = importlib.import_module(f'mm_perception.plugins.{name}')
        plugin = getattr(module, 'PLUGIN', None)
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise PluginContractError(name, 'the module must end with PLUGIN = <a Plugin subclass>')
    return plugin
