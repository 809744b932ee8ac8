"""Which device a node computes on; chosen once, never changed behind the user's back."""

from __future__ import annotations

from mm_perception.errors import ConfigError, DeviceError


def resolve_device(name: str) -> str:
    """The device that a `device` parameter means.

    Args:
        name: 'cpu', 'cuda', 'cuda:N', or 'auto' for cuda where there is one.

    Raises:
        ConfigError: Some other word.
        DeviceError: The device does not exist.
    """
    if name == 'cpu':
        return name
    import torch

    if name == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    kind, _, index = name.partition(':')
    if kind != 'cuda' or not (index.isdecimal() or ':' not in name):
        raise ConfigError('device', name, 'cpu, cuda, cuda:N or auto')
    count = torch.cuda.device_count()
    if int(index or 0) >= count:
        raise DeviceError(name, f'there are {count} CUDA devices')
    return name
