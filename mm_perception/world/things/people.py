"""People with moving limbs; x ahead, the origin on the ground below the hips; metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mm_perception.world.materials import Material
from mm_perception.world.motion import ACROSS, Chain, carried, jointed, linked, turn_about
from mm_perception.world.scene import Array, Motion, Part, Solid, Thing
from mm_perception.world.things.limbs import LimbAngles, arm_towards
from mm_perception.world.things.surfaces import CHROME, RUBBER, box, darker, paint
from mm_perception.world.variety import Dice

_SKIN = (0.55, 0.33, 0.22)
_SIDES = (-1, 1)
#: Places on the head in the frame of the torso, metres, but heights as shares of the whole.
_FACE = {
    'nose': (0.1, 0.0, 0.41), 'left_eye': (0.09, 0.032, 0.425), 'right_eye': (0.09, -0.032, 0.425),
    'left_ear': (0.0, 0.085, 0.405), 'right_ear': (0.0, -0.085, 0.405),
}  # fmt: skip
#: What moves which joint, and where along it the joint is, as a share of that limb's length.
_JOINTS = {
    'shoulder': ('upper_arm', 0.0), 'elbow': ('forearm', 0.0), 'wrist': ('forearm', 1.0),
    'hip': ('thigh', 0.0), 'knee': ('shin', 0.0), 'ankle': ('shin', 1.0),
}  # fmt: skip
#: How the limbs are held at a moment, seconds.
Posture = Callable[[float], LimbAngles]


@dataclass(frozen=True)
class _Body:
    """Measures of a body and the solids of its limbs, each in the frame of its joint."""

    tall: float
    limbs: dict[str, list[Solid]]

    @property
    def leg(self) -> float:
        return self.tall * 0.245

    @property
    def arm(self) -> float:
        return self.tall * 0.165

    @property
    def hips(self) -> Array:
        return np.array([0, 0, self.tall * 0.53])


def _body(dice: Dice, colour: str, tall: float) -> _Body:
    skin = Material(darker(_SKIN, dice.uniform(0.25, 1.15)), gloss=0.15)
    hair = paint(dice, dice.one_of(('black', 'brown', 'grey', 'yellow')), 0.2)
    clothes = dice.family('plain', 'striped', 'coat', 'speckled')
    pattern = 'plain' if clothes == 'coat' else clothes
    top = paint(dice, colour, 0.1, pattern=pattern, scale=dice.uniform(0.08, 0.2))
    legs = paint(dice, dice.one_of(('black', 'blue', 'grey', 'brown')), 0.1)
    wide, low = dice.uniform(0.9, 1.15), top if clothes == 'coat' else legs
    leg, arm = tall * 0.245, tall * 0.165

    def limb(radius: float, length: float, material: Material) -> Solid:
        return Solid('capsule', (radius * wide, length / 2), (0, 0, -length / 2), material)

    torso = [
        Solid('ellipsoid', (0.12 * wide, 0.2 * wide, tall * 0.18), (0, 0, tall * 0.16), top),
        Solid('ellipsoid', (0.115 * wide, 0.165 * wide, tall * 0.08), (0, 0, tall * 0.01), low),
        Solid('cylinder', (0.05, 0.04), (0, 0, tall * 0.34), skin),
        Solid('ellipsoid', (0.1, 0.085, tall * 0.07), (0, 0, tall * 0.41), skin),
        Solid('ellipsoid', (0.105, 0.095, tall * 0.06), (-0.02, 0, tall * 0.435), hair),
    ]
    carries = dice.family('nothing', 'nothing', 'bag', 'hat')
    if carries == 'bag':
        bag = paint(dice, dice.one_of(('black', 'brown', 'grey')), 0.1)
        torso.append(box(0.16, 0.28, 0.4, (-0.19, 0, tall * 0.18), bag))
    elif carries == 'hat':
        felt = paint(dice, dice.one_of(('black', 'brown', 'white')), 0.05)
        torso.append(Solid('cylinder', (0.17, 0.012), (0, 0, tall * 0.455), felt))
    shoe = Solid('ellipsoid', (0.14, 0.05, 0.05), (0.05, 0, -leg), RUBBER)
    limbs = {
        'torso': torso,
        'thigh': [limb(0.085 if clothes == 'coat' else 0.075, leg, low)],
        'shin': [limb(0.055, leg, legs), shoe],
        'upper_arm': [limb(0.048, arm, top)],
        'forearm': [limb(0.04, arm, skin), Solid('sphere', (0.055,), (0, 0, -arm), skin)],
    }
    return _Body(tall, limbs)


def _gait(body: _Body, stride_hz: float, phase: float, *, waves: bool) -> dict[str, list[Chain]]:
    """Chains of joints by limb, right and left."""
    reach, bends = (0.55, 0.9) if stride_hz else (0.0, 0.0)

    def angle(side: int, time_s: float) -> float:
        return 2 * np.pi * stride_hz * time_s + phase + (np.pi if side > 0 else 0.0)

    def thigh(side: int, time_s: float) -> list[tuple[Array, float]]:
        swing = -reach * float(np.sin(angle(side, time_s)))
        return [(body.hips + np.array([0, side * 0.09, 0]), swing)]

    def shin(side: int, time_s: float) -> list[tuple[Array, float]]:
        bend = bends * max(0.0, -float(np.cos(angle(side, time_s))))
        return [*thigh(side, time_s), (np.array([0, 0, -body.leg]), bend)]

    def upper_arm(side: int, time_s: float) -> list[tuple[Array, float]]:
        swing = 0.8 * reach * float(np.sin(angle(side, time_s)))
        lifted = -2.3 if waves and side > 0 else swing
        return [(body.hips + np.array([0, side * 0.23, body.tall * 0.29]), lifted)]

    def forearm(side: int, time_s: float) -> list[tuple[Array, float]]:
        waving = -0.5 + 0.5 * float(np.sin(7 * time_s + phase))
        bent = waving if waves and side > 0 else -0.35
        return [*upper_arm(side, time_s), (np.array([0, 0, -body.arm]), bent)]

    chains = {'thigh': thigh, 'shin': shin, 'upper_arm': upper_arm, 'forearm': forearm}
    return {name: [partial(chain, side) for side in _SIDES] for name, chain in chains.items()}


def _joints(
    body: _Body, torso: Motion, limbs: dict[str, tuple[Motion, Motion]], stiff_arms: bool = False
) -> dict[str, Motion]:
    """Frames of the joints by COCO name.

    Args:
        body: Measures.
        torso: Its frame.
        limbs: Frames of each pair of limbs, right and left.
        stiff_arms: The forearm is one with the upper arm and has its frame.
    """
    height = np.array([1.0, 1.0, body.tall])
    joints = {name: carried(torso, np.array(at) * height) for name, at in _FACE.items()}
    for name, (limb, share) in _JOINTS.items():
        length = body.leg if limb == 'shin' else body.arm
        down = share + (1.0 if stiff_arms and limb == 'forearm' else 0.0)
        for side, motion in zip(('right', 'left'), limbs[limb], strict=True):
            joints[f'{side}_{name}'] = carried(motion, np.array([0, 0, -length * down]))
    return joints


def walker(dice: Dice, kind: str, colour: str, motion: Motion, stride_hz: float) -> Thing:
    """A person that walks, stands or waves; the colour is that of the upper clothes.

    Args:
        dice: Chance.
        kind: Class name.
        colour: Of the upper clothes.
        motion: Of the point on the ground below the hips.
        stride_hz: Double steps per second; 0 stands or waves.
    """
    tall = dice.uniform(1.5, 1.95) if dice.chance(0.85) else dice.uniform(1.1, 1.4)
    body, phase = _body(dice, colour, tall), dice.uniform(0, 2 * np.pi)
    waves = not stride_hz and dice.chance(0.4)
    torso = carried(motion, body.hips)
    limbs = {
        name: (jointed(motion, right), jointed(motion, left))
        for name, (right, left) in _gait(body, stride_hz, phase, waves=waves).items()
    }
    parts = [Part(body.limbs['torso'], torso)]
    parts += [Part(body.limbs[name], frame) for name, pair in limbs.items() for frame in pair]
    action = 'walking' if stride_hz else 'waving' if waves else 'standing'
    joints = _joints(body, torso, limbs)
    return Thing(kind, colour, (0.45, 0.55, tall), parts, (action,), joints=joints)


def posed(
    dice: Dice, kind: str, colour: str, motion: Motion, limbs: LimbAngles | Posture,
    tall: float | None = None, words: tuple[str, ...] = ('standing',),
) -> Thing:  # fmt: skip
    """A person who holds its limbs in a given way; the lowest knee or foot is on the ground.

    Args:
        dice: Chance, for clothes and the like.
        kind: Class name.
        colour: Of the upper clothes.
        motion: Of the point on the ground below the hips.
        limbs: How they are held, always or at a moment.
        tall: Metres; None for chance.
        words: What is said of it.
    """
    if tall is None:
        tall = dice.uniform(1.5, 1.95) if dice.chance(0.85) else dice.uniform(1.1, 1.4)
    body = _body(dice, colour, tall)
    posture = (lambda time_s: limbs) if isinstance(limbs, LimbAngles) else limbs
    torso = linked(motion, partial(_trunk, body, posture))
    pairs = {
        name: (
            linked(torso if 'arm' in name else motion, partial(link, body, posture, -1)),
            linked(torso if 'arm' in name else motion, partial(link, body, posture, 1)),
        )
        for name, link in _LINKS.items()
    }
    parts = [Part(body.limbs['torso'], torso)]
    parts += [Part(body.limbs[name], frame) for name, pair in pairs.items() for frame in pair]
    joints = _joints(body, torso, pairs)
    return Thing(kind, colour, (0.45, 0.55, tall), parts, words, joints=joints)


def pointing(
    dice: Dice, kind: str, colour: str, motion: Motion, target: Array, side: str = 'right',
    limbs: LimbAngles | None = None, tall: float | None = None,
    words: tuple[str, ...] = ('standing',),
) -> Thing:  # fmt: skip
    """A person who points at a place: the line from shoulder to wrist meets it.

    Args:
        dice: Chance, for clothes and the like.
        kind: Class name.
        colour: Of the upper clothes.
        motion: Of the point on the ground below the hips.
        target: (3,) in the world, metres.
        side: The arm that points, right or left.
        limbs: How all else is held; the bend of that arm's elbow stays.
        tall: Metres; None for chance.
        words: What is said of it.
    """
    if tall is None:
        tall = dice.uniform(1.5, 1.95)
    rest, body = limbs or LimbAngles(), _Body(tall, {})
    trunk = linked(motion, partial(_trunk, body, lambda time_s: rest))
    offset = _shoulder(body, 1 if side == 'left' else -1)

    def posture(time_s: float) -> LimbAngles:
        at, turn = trunk(time_s)
        bend = (rest.left_arm if side == 'left' else rest.right_arm).bend
        aimed = arm_towards(np.asarray(target) - at - turn @ offset, turn, bend)
        if side == 'left':
            return replace(rest, left_arm=aimed)
        return replace(rest, right_arm=aimed)

    return posed(dice, kind, colour, motion, posture, tall, words)


def _hips(body: _Body, limbs: LimbAngles) -> Array:
    """Where they are so that no knee or foot is below the ground, (3,) metres."""
    lowest = 0.0
    for leg in (limbs.right_leg, limbs.left_leg):
        knee = leg.direction[2]
        shin = (leg.turn @ turn_about(1, leg.bend))[2, 2]
        lowest = min(lowest, knee, knee - shin)
    return np.array([0, 0, body.tall * 0.04 - body.leg * lowest])


def _shoulder(body: _Body, side: int) -> Array:
    """In the frame of the torso, (3,) metres."""
    return np.array([0, side * 0.23, body.tall * 0.29])


def _trunk(body: _Body, posture: Posture, time_s: float) -> list[tuple[Array, Array]]:
    limbs = posture(time_s)
    return [(_hips(body, limbs), limbs.torso)]


def _thigh(body: _Body, posture: Posture, side: int, time_s: float) -> list[tuple[Array, Array]]:
    limbs = posture(time_s)
    leg = limbs.left_leg if side > 0 else limbs.right_leg
    return [(_hips(body, limbs) + np.array([0, side * 0.09, 0]), leg.turn)]


def _shin(body: _Body, posture: Posture, side: int, time_s: float) -> list[tuple[Array, Array]]:
    limbs = posture(time_s)
    leg = limbs.left_leg if side > 0 else limbs.right_leg
    knee = (np.array([0, 0, -body.leg]), turn_about(1, leg.bend))
    return [*_thigh(body, posture, side, time_s), knee]


def _upper_arm(
    body: _Body, posture: Posture, side: int, time_s: float
) -> list[tuple[Array, Array]]:
    limbs = posture(time_s)
    arm = limbs.left_arm if side > 0 else limbs.right_arm
    return [(_shoulder(body, side), arm.turn)]


def _forearm(body: _Body, posture: Posture, side: int, time_s: float) -> list[tuple[Array, Array]]:
    limbs = posture(time_s)
    arm = limbs.left_arm if side > 0 else limbs.right_arm
    elbow = (np.array([0, 0, -body.arm]), turn_about(1, -arm.bend))
    return [*_upper_arm(body, posture, side, time_s), elbow]


_LINKS = {'thigh': _thigh, 'shin': _shin, 'upper_arm': _upper_arm, 'forearm': _forearm}


def pedestrian(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A person in a street who stands."""
    return walker(dice, 'pedestrian', colour, motion, 0.0)


def person(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A person in a room who stands."""
    return walker(dice, 'person', colour, motion, 0.0)


def cyclist(dice: Dice, colour: str, motion: Motion) -> Thing:
    """A person on a bicycle; the colour is that of the upper clothes."""
    frame = paint(dice, dice.one_of(('black', 'red', 'blue', 'grey', 'white')), 0.6)
    body, pace = _body(dice, colour, dice.uniform(1.55, 1.85)), dice.uniform(0.9, 1.5)
    wheels = ((0.34, 0.02, RUBBER), (0.28, 0.022, CHROME))
    bike = [
        *[Solid('cylinder', (radius, wide), (x, 0, 0.34), material, ACROSS)
          for radius, wide, material in wheels for x in (-0.52, 0.52)],
        box(0.95, 0.05, 0.05, (0, 0, 0.72), frame), box(0.05, 0.5, 0.04, (0.45, 0, 1.02), frame),
        box(0.05, 0.05, 0.6, (0.48, 0, 0.7), frame), box(0.05, 0.05, 0.5, (-0.2, 0, 0.6), frame),
    ]  # fmt: skip
    saddle = np.array([-0.2, 0, 0.95])

    def thigh(side: int, time_s: float) -> list[tuple[Array, float]]:
        turn = 2 * np.pi * pace * time_s + (np.pi if side > 0 else 0)
        return [(saddle + np.array([0, side * 0.1, 0]), -0.9 - 0.45 * float(np.sin(turn)))]

    def shin(side: int, time_s: float) -> list[tuple[Array, float]]:
        turn = 2 * np.pi * pace * time_s + (np.pi if side > 0 else 0)
        return [*thigh(side, time_s), (np.array([0, 0, -0.42]), 1.1 + 0.35 * float(np.cos(turn)))]

    def torso(time_s: float) -> list[tuple[Array, float]]:
        return [(saddle, 0.45)]

    def arms(side: int, time_s: float) -> list[tuple[Array, float]]:
        return [*torso(time_s), (np.array([0.02, side * 0.22, 0.5]), -1.35)]

    below = [
        Solid(s.shape, s.size, (s.at[0], s.at[1], s.at[2] - body.arm), s.material)
        for s in body.limbs['forearm']
    ]
    torso_frame = jointed(motion, torso)
    legs, shins, both_arms = (
        (jointed(motion, partial(chain, -1)), jointed(motion, partial(chain, 1)))
        for chain in (thigh, shin, arms)
    )
    parts = [Part(bike, motion), Part(body.limbs['torso'], torso_frame)]
    for leg, lower, arm in zip(legs, shins, both_arms, strict=True):
        both = [*body.limbs['upper_arm'], *below]
        parts += [Part(body.limbs['thigh'], leg), Part(body.limbs['shin'], lower), Part(both, arm)]
    limbs = {'thigh': legs, 'shin': shins, 'upper_arm': both_arms, 'forearm': both_arms}
    joints = _joints(body, torso_frame, limbs, stiff_arms=True)
    return Thing('cyclist', colour, (1.75, 0.5, 1.75), parts, ('cycling',), joints=joints)
