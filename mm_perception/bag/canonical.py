"""CDR bytes without chance in them.

Fast CDR leaves whatever was in memory in the padding between fields, so that equal messages
differ from run to run. Reading and writing them again with rosbags fills the gaps with zeros.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mm_perception.bag.definition import message_definition


def canonical(data: bytes, type_name: str) -> bytes:
    """The same message with zeros for padding."""
    store = _store(type_name)
    return bytes(store.serialize_cdr(store.deserialize_cdr(data, type_name), type_name))


@lru_cache(maxsize=64)
def _store(type_name: str) -> Any:
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.EMPTY)
    first, *rest = message_definition(type_name).split('=' * 80 + '\nMSG: ')
    types = dict(get_types_from_msg(first, type_name))
    for part in rest:
        name, _, text = part.partition('\n')
        package, kind = name.strip().split('/')
        types.update(get_types_from_msg(text, f'{package}/msg/{kind}'))
    store.register(types)
    return store
