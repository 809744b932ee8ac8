"""What the words of a command do to the things of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm_perception.samples import Command, Image, Intent, Masks, Relation
from mm_perception.samples.sample import Array
from mm_perception.selecting.candidates import candidates_of, label_fits
from mm_perception.selecting.choosing import Choice, Place, choose, meaning_of
from mm_perception.selecting.destinations import destination_of
from mm_perception.selecting.pointing import Votes
from mm_perception.selecting.scene import Scene, Thing
from mm_perception.text.selection import Selection

#: Commands that are understood, and what is said when they are done.
VERBS = {
    Intent.SELECT: 'selected', Intent.MOVE: 'moved', Intent.HIDE: 'hidden', Intent.SHOW: 'shown',
    Intent.STOP: 'released', Intent.TRACK: 'selected',
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Moment:
    """What is known when a command is decided.

    Attributes:
        scene: The things.
        masks: Of the camera whose turn it is.
        image: Its picture, or None.
        bound: Ids of the masks to numbers of things.
        votes: What the ray meant over time, by number.
        destination: (3,) metres where the ray ended with the utterance; None if nowhere.
        min_share: What was pointed at has to be at least so probable.
        fixed_from_camera: (4, 4) of the camera: left is as it sees it.
    """

    scene: Scene
    masks: Masks
    image: Image | None
    bound: Mapping[int, int]
    votes: Votes
    destination: Array | None
    min_share: float
    fixed_from_camera: Array


@dataclass(frozen=True)
class Deed:
    """What a command came to: things, or why there are none."""

    things: tuple[Thing, ...] = ()
    problem: str = ''


def meant(command: Command, moment: Moment) -> Deed:
    """Which things a command speaks of.

    Words decide if they can; where several things fit them, or none are said, the ray does.
    """
    selection, place = meaning_of(command)
    if command.intent is Intent.MOVE and command.relation is not Relation.NONE:
        place = Place()  # it says where to, not which
    scene = moment.scene
    # Of "move that there" the ray says where; what, only where nothing is selected.
    if not command.target and (not command.is_deictic or command.intent is Intent.MOVE):
        chosen = tuple(scene.things[n] for n in scene.selected if n in scene.things)
        if chosen or not command.is_deictic:
            return Deed(chosen, '' if chosen else 'nothing is selected')
    if command.intent is Intent.SHOW:  # what is hidden may be out of sight
        return _hidden(scene, selection)
    if command.target and (not command.is_deictic or command.intent is Intent.MOVE):
        found = _by_words(command, selection, place, moment)
        if found is not None:
            return found
    among = [t.number for t in scene.things.values() if _names(t, selection) and not t.is_hidden]
    until = command.end_ns
    if command.intent is Intent.MOVE:  # the ray is on its way to where the thing shall be
        until = (command.stamp_ns + command.end_ns) // 2
    winner = moment.votes.winner(command.stamp_ns, until, moment.min_share, among)
    if winner is None or winner[0] not in scene.things:
        return Deed((), f'the ray meets no {selection.noun or "thing"}')
    return Deed((scene.things[winner[0]],))


def perform(command: Command, moment: Moment) -> Deed:
    """Do what a command says; nothing is changed where there is a problem."""
    if command.intent is Intent.STOP and not command.target:
        things = [n for n in moment.scene.selected if n in moment.scene.things]
        moment.scene.selected = ()
        return Deed(tuple(moment.scene.things[n] for n in things))
    deed = meant(command, moment)
    if deed.problem:
        return deed
    numbers = tuple(thing.number for thing in deed.things)
    if command.intent in (Intent.SELECT, Intent.TRACK):
        moment.scene.selected = numbers
    elif command.intent is Intent.STOP:
        kept = [n for n in moment.scene.selected if n not in numbers]
        moment.scene.selected = tuple(kept)
    elif command.intent is Intent.MOVE:
        return _move(command, deed, moment)
    else:
        for thing in deed.things:
            thing.is_hidden = command.intent is Intent.HIDE
    return deed


def _move(command: Command, deed: Deed, moment: Moment) -> Deed:
    if len(deed.things) != 1:
        return Deed((), f'{len(deed.things)} things cannot go to one place: say which')
    place, problem = moment.destination, 'the ray ends nowhere: point at where it shall be'
    if command.relation is not Relation.NONE:
        place, problem = _beside(command, deed.things[0], moment)
    if place is None:
        return Deed((), problem)
    deed.things[0].moved_to = place
    return deed


def _beside(command: Command, thing: Thing, moment: Moment) -> tuple[Array | None, str]:
    """Where words put a thing (3,), or why nowhere."""
    surfaces = []
    for wanted in meaning_of(command)[1].anchors:
        choice = _chosen(wanted, Place(), moment)
        others = [moment.scene.things[moment.bound[own]] for own in choice.ids]
        surfaces += [o.surface for o in others if o.surface is not None and o is not thing]
        if len(others) != 1:
            return None, f'"{command.anchor}": {choice.problem or "say which"}'
    if thing.surface is None:
        return None, f'nothing tells where the {thing.label} is'
    place = destination_of(command.relation, surfaces, thing.surface, moment.fixed_from_camera)
    return place, f'nothing tells where "{command.anchor}" is'


def _by_words(command: Command, selection: Selection, place: Place, moment: Moment) -> Deed | None:
    """What the words alone say; None where the ray has to decide."""
    choice = _chosen(selection, place, moment)
    if choice.ids:
        return Deed(tuple(moment.scene.things[moment.bound[own]] for own in choice.ids))
    return None if choice.is_ambiguous else Deed((), f'"{command.target}": {choice.problem}')


def _chosen(selection: Selection, place: Place, moment: Moment) -> Choice:
    """What words pick in the picture."""
    height, width = moment.masks.id_map.shape
    things = [
        thing for thing in candidates_of(moment.masks, moment.image)
        if thing.number in moment.bound
    ]  # fmt: skip
    taken = [own for own, number in moment.bound.items() if number in moment.scene.selected]
    return choose(selection, things, (width, height), place=place, chosen=taken)


def _hidden(scene: Scene, selection: Selection) -> Deed:
    things = [t for t in scene.things.values() if t.is_hidden and _names(t, selection)]
    if not things:
        return Deed((), f'no {selection.noun or "thing"} is hidden')
    if selection.count == 1 and len(things) > 1:
        return Deed((), f'{len(things)} of them are hidden: say which, or all')
    return Deed(tuple(things))


def _names(thing: Thing, selection: Selection) -> bool:
    """Whether the noun of a phrase names a thing by its label."""
    return label_fits(thing.label, selection.noun)
