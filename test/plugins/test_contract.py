"""What every plugin promises, on small random weights, without network or GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mm_perception import registry
from mm_perception.config import build_config, config_values, parameter_specs
from mm_perception.errors import MissingDependencyError
from mm_perception.plugin import Context, Plugin
from mm_perception.ports import Queue, Reference, Request, Surround
from mm_perception.samples import (
    Boxes3D,
    Image,
    Masks,
    Prompt,
    PromptStatus,
    Sample,
    Skeletons,
)
from test.plugins.samples import SECOND_NS, inputs_for, picture, sample_of

pytestmark = pytest.mark.usefixtures('one_thread')

CAMERAS = ('left', 'right')


@pytest.fixture(params=registry.names())
def plugin(request: pytest.FixtureRequest) -> Iterator[Plugin[Any]]:
    plugin_class = registry.load(request.param)
    streams = {
        port: CAMERAS for port, kind in plugin_class.inputs.items() if isinstance(kind, Reference)
    }
    context = Context(streams=streams, lookup_transform=lambda *names: np.eye(4))
    instance = plugin_class(plugin_class.tiny(), context)
    try:
        instance.load('cpu')
    except MissingDependencyError as error:  # an optional extra, see tools/extras.py
        pytest.skip(str(error))
    yield instance
    instance.close()


def run(
    plugin: Plugin[Any], stamp_ns: int = SECOND_NS, stream: str = 'left', **queued: Any
) -> Any:
    """One inference; outputs as port to list of samples."""
    outputs = plugin.infer(inputs_for(type(plugin), stamp_ns, stream=stream, samples=queued))
    return {
        port: [value] if isinstance(value, Sample) else list(value)
        for port, value in outputs.items()
    }


def queued(plugin: Plugin[Any], stamp_ns: int = SECOND_NS) -> dict[str, tuple[Sample, ...]]:
    """One event on every queue."""
    return {
        port: (sample_of(kind.sample_type, stamp_ns),)
        for port, kind in plugin.inputs.items()
        if isinstance(kind, Queue)
    }


def same(a: Any, b: Any) -> bool:
    """Equal in every field; floats to the last bits."""
    if isinstance(a, np.ndarray):
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and np.allclose(a, b, 0, 1e-5, equal_nan=True)
        )
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    if isinstance(a, float):
        return a == pytest.approx(b, abs=1e-5)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def seen(plugin: Plugin[Any], outputs: Any) -> dict[str, list[Any]]:
    """What the outputs of one camera say, whatever ids were handed out before."""
    found: dict[str, list[Any]] = {}
    for port, samples in outputs.items():
        if plugin.outputs[port].per_stream and not plugin.outputs[port].is_debug:
            found[port] = [_without_ids(sample) for sample in samples]
    return found


def _without_ids(sample: Sample) -> Any:
    if isinstance(sample, Masks):
        return sample.id_map > 0, sample.labels, sample.scores
    return dataclasses.replace(sample, track_ids=()) if isinstance(sample, Boxes3D) else sample


def arrays(sample: Any) -> Iterator[np.ndarray]:
    for field in dataclasses.fields(sample):
        value = getattr(sample, field.name)
        if isinstance(value, np.ndarray):
            yield value


def numbers(sample: Any) -> Iterator[np.ndarray]:
    """Arrays of floats, without joints that are not known: those are NaN."""
    if isinstance(sample, Skeletons):
        yield sample.points[sample.known()]
        yield sample.scores
    else:
        yield from (array for array in arrays(sample) if array.dtype.kind == 'f')


@pytest.mark.parametrize('name', registry.names())
def test_card_and_descriptions_are_complete(name: str) -> None:
    plugin = registry.load(name)
    card = plugin.card
    assert all(
        text.strip() for text in (card.title, card.paper, card.reference_code, *card.limits)
    )
    assert all(w.source and w.licence for w in card.weights)
    assert (plugin.__doc__ or '').strip()
    for port in (*plugin.inputs.values(), *plugin.outputs.values()):
        assert port.description, f'{port} has no description'
    for spec in parameter_specs(plugin.Config).values():
        assert spec.description.endswith('.'), spec.name


@pytest.mark.parametrize('name', registry.names())
def test_settings_survive_the_way_through_yaml(name: str) -> None:
    plugin = registry.load(name)
    for config in (plugin.Config(), plugin.tiny()):
        assert build_config(plugin.Config, config_values(config)) == config


def test_outputs_have_type_stamp_and_frame_of_their_input(plugin: Plugin[Any]) -> None:
    config = plugin.config
    frame = getattr(config, 'frame', getattr(config, 'fixed_frame', 'camera'))
    for stamp_ns in (SECOND_NS, 2 * SECOND_NS):
        outputs = run(plugin, stamp_ns, **queued(plugin, stamp_ns))
        assert outputs.keys() <= plugin.outputs.keys()
        for port, samples in outputs.items():
            for sample in samples:
                assert type(sample) is plugin.outputs[port].sample_type
                frame_id = 'camera' if isinstance(sample, Prompt | PromptStatus) else frame
                assert (sample.stamp_ns, sample.frame_id) == (stamp_ns, frame_id), port
                assert all(np.isfinite(a).all() for a in numbers(sample))


def test_every_output_comes_when_it_is_wanted(plugin: Plugin[Any]) -> None:
    assert run(plugin, **queued(plugin)).keys() == plugin.outputs.keys()


def test_unwanted_debug_pictures_are_not_made(plugin: Plugin[Any]) -> None:
    debug = {port for port, output in plugin.outputs.items() if output.is_debug}
    plugin.context = dataclasses.replace(
        plugin.context, is_wanted=lambda port, stream: port not in debug
    )
    assert not debug & run(plugin).keys()


def test_same_answer_after_reset(plugin: Plugin[Any]) -> None:
    def clip() -> list[Any]:
        first = run(plugin, SECOND_NS, **queued(plugin))
        return [first, run(plugin, 2 * SECOND_NS)]

    before = clip()
    plugin.reset()
    assert same(clip(), before)


def test_inputs_are_left_as_they_were(plugin: Plugin[Any]) -> None:
    events = queued(plugin)
    inputs = inputs_for(type(plugin), stream='left', samples=events)
    samples = [
        s for value in inputs.samples.values()
        for s in (value if isinstance(value, tuple) else [value]) if isinstance(s, Sample)
    ]  # fmt: skip
    before = [array.copy() for sample in samples for array in arrays(sample)]
    plugin.infer(inputs)
    after = [array for sample in samples for array in arrays(sample)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_runs_without_any_event(plugin: Plugin[Any]) -> None:
    for index in range(3):
        outputs = run(plugin, (index + 1) * SECOND_NS)
        assert all(s.stamp_ns == (index + 1) * SECOND_NS for o in outputs.values() for s in o)


def test_cameras_do_not_mix(plugin: Plugin[Any]) -> None:
    """What one camera sees next does not depend on what another camera saw between."""
    ports = [(p, kind) for p, kind in plugin.inputs.items() if isinstance(kind, Reference)]
    if not ports:
        pytest.skip('has no reference port')
    (port, kind), stamp_ns = ports[0], SECOND_NS + 1
    alone = [run(plugin, SECOND_NS), run(plugin, 2 * SECOND_NS)]
    plugin.reset()
    is_image = kind.sample_type is Image
    other = picture(stamp_ns, shift=16) if is_image else sample_of(kind.sample_type, stamp_ns)
    mixed = [run(plugin, SECOND_NS)]
    run(plugin, stamp_ns, 'right', **{port: other})
    mixed.append(run(plugin, 2 * SECOND_NS))
    assert all(same(seen(plugin, a), seen(plugin, b)) for a, b in zip(alone, mixed, strict=True))


def test_rewinding_is_survived_and_memory_is_of_the_new_run(plugin: Plugin[Any]) -> None:
    run(plugin, 9 * SECOND_NS, **queued(plugin, 9 * SECOND_NS))
    run(plugin, 10 * SECOND_NS)
    for stream in CAMERAS:  # one of them was never seen
        plugin.rewind(stream)
    outputs = run(plugin, SECOND_NS)
    assert all(s.stamp_ns == SECOND_NS for samples in outputs.values() for s in samples)
    plugin.reset()
    assert same(seen(plugin, outputs), seen(plugin, run(plugin, SECOND_NS)))


def test_requests_are_answered_in_their_type(plugin: Plugin[Any]) -> None:
    run(plugin)
    for port, kind in plugin.inputs.items():
        if isinstance(kind, Request):
            reply = plugin.answer(port, sample_of(kind.sample_type, 0))
            assert type(reply) is kind.reply_type


def test_grey_pictures_are_pictures(plugin: Plugin[Any]) -> None:
    grey = Image(
        stamp_ns=SECOND_NS, frame_id='camera', encoding='mono8',
        data=np.arange(48 * 64, dtype=np.uint8).reshape(48, 64),
    )  # fmt: skip
    ports = {
        port: {'left': grey} if isinstance(kind, Surround) else grey
        for port, kind in plugin.inputs.items()
        if isinstance(kind, Reference | Surround) and kind.sample_type is Image
    }
    if not ports:
        pytest.skip('takes no pictures')
    assert run(plugin, **ports)


def test_model_info_names_weights_and_their_hash(plugin: Plugin[Any]) -> None:
    info = plugin.model_info()
    if not any(name.endswith('weights') for name in plugin.config_defaults()):
        assert info == {}, 'a plugin without weights claims to have some'
        return
    assert info['weights']
    assert info['weights_sha256']
    assert info['licence']


def test_close_and_load_again(plugin: Plugin[Any]) -> None:
    plugin.close()
    plugin.close()
    assert plugin.model_info() == {}
    plugin.load('cpu')
    assert run(plugin, **queued(plugin))
