"""A scene: things made of simple solids, some of which move; compiled to a MuJoCo model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import mujoco
import numpy as np
import numpy.typing as npt

from mm_perception.world.materials import Material

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
#: (T) seconds to ((3,) metres, (3, 3) rotation) of a frame in the world.
Motion = Callable[[float], tuple[Array, Array]]

_FAR_M = 1e4
#: What is not higher than this is floor: rays that rise never meet it.
_FLOOR_M = 0.3
_SHAPES = {
    'box': mujoco.mjtGeom.mjGEOM_BOX,
    'sphere': mujoco.mjtGeom.mjGEOM_SPHERE,
    'ellipsoid': mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    'cylinder': mujoco.mjtGeom.mjGEOM_CYLINDER,
    'capsule': mujoco.mjtGeom.mjGEOM_CAPSULE,
    'plane': mujoco.mjtGeom.mjGEOM_PLANE,
}


@dataclass(frozen=True)
class Solid:
    """One solid of a thing.

    Attributes:
        shape: box, sphere, ellipsoid, cylinder, capsule or plane.
        size: Half extents, or radius and half length, in metres, as MuJoCo has them.
        at: Centre in the frame of the thing's part, metres.
        material: Its surface.
        turn: Rotation in that frame, (3, 3); None for none.
    """

    shape: str
    size: tuple[float, ...]
    at: tuple[float, float, float]
    material: Material
    turn: Array | None = None


@dataclass
class Part:
    """Solids that move together."""

    solids: list[Solid]
    motion: Motion | None = None


@dataclass
class Thing:
    """One instance.

    Attributes:
        kind: Class name, such as car.
        colour: Named colour of its body, or ''.
        size: (3,) length, width and height in metres.
        parts: Of which the first is its body: the pose of the thing is that part's pose.
        words: Further adjectives that are true of it, such as parked.
        joints: Frames of its joints in the world by COCO name, such as left_knee; of people.
    """

    kind: str
    colour: str
    size: tuple[float, float, float]
    parts: list[Part]
    words: tuple[str, ...] = ()
    instance: int = 0
    joints: dict[str, Motion] = field(default_factory=dict)

    def pose(self, time_s: float) -> tuple[Array, Array]:
        """Place (3,) in metres and rotation (3, 3) of its body in the world."""
        motion = self.parts[0].motion
        return (np.zeros(3), np.eye(3)) if motion is None else motion(time_s)


@dataclass(frozen=True)
class Hits:
    """What N rays have met.

    Attributes:
        geom: (N,) index of a solid, -1 where nothing is.
        distance: (N,) metres, infinite where nothing is.
        normal: (N, 3) unit, outward.
    """

    geom: npt.NDArray[np.int32]
    distance: Array
    normal: Array


@dataclass
class Light:
    """Where light comes from.

    Attributes:
        at: (3,) metres; a sun is far away.
        strength: (3,) linear RGB at 1 m, or of the sun as such.
        is_sun: No falloff.
    """

    at: Array
    strength: Array
    is_sun: bool = False


@dataclass
class Scene:
    """Everything there is.

    Attributes:
        ground: Solids that belong to no instance, with a class name each.
        ambient: (3,) linear RGB from above; below it is a third of that.
        sky: Colours at the horizon and above, linear RGB; None inside.
    """

    things: list[Thing] = field(default_factory=list)
    ground: list[tuple[str, Solid]] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    ambient: Array = field(default_factory=lambda: np.full(3, 0.35))
    sky: tuple[Array, Array] | None = None
    seed: int = 0


class _Block:
    """Solids that are rigid together: a MuJoCo model in their own frame, and where that is."""

    def __init__(
        self, solids: list[Solid], motion: Motion | None, first: int, top: float = np.inf
    ) -> None:
        spec = mujoco.MjSpec()
        spec.memory = 1 << 20
        for solid in solids:
            geom = spec.worldbody.add_geom(type=_SHAPES[solid.shape], pos=solid.at)
            geom.size[: len(solid.size)] = solid.size
            if solid.turn is not None:
                mujoco.mju_mat2Quat(geom.quat, np.ascontiguousarray(solid.turn).reshape(-1))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, self.data)
        self.first, self.num = first, len(solids)
        self.local_at = self.data.geom_xpos.copy()
        self.local_turn = self.data.geom_xmat.reshape(-1, 3, 3).copy()
        self.motion = motion
        radii = self.model.geom_rbound
        self.is_endless = bool((radii == 0).any())
        self.centre = self.local_at.mean(0)
        away = np.linalg.norm(self.local_at - self.centre, axis=1)
        self.radius = float((away + radii).max())
        #: Nothing of it is higher, metres.
        self.top = top
        self.at, self.turn = np.zeros(3), np.eye(3)

    def place(self, time_s: float) -> None:
        if self.motion is not None:
            self.at, self.turn = self.motion(time_s)


def _is_floor(solid: Solid) -> bool:
    if solid.shape not in ('plane', 'box') or solid.turn is not None:
        return False
    return solid.at[2] + (solid.size[2] if solid.shape == 'box' else 0.0) < _FLOOR_M


class Stage:
    """A scene at one moment, ready for rays.

    Every part is a small MuJoCo model of its own and gets only the rays that come near it: with
    500 solids that is many times faster than one model with them all.

    Attributes:
        solids: All of them.
        materials: Of every solid.
        kinds: Class name of every solid.
        instances: (G,) instance of every solid, 0 for the ground.
        geom_at: (G, 3) centre of every solid now, metres.
        geom_turn: (G, 3, 3) rotation of every solid now.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.solids: list[Solid] = []
        self.materials: list[Material] = []
        self.kinds: list[str] = []
        self._blocks: list[_Block] = []
        instances: list[int] = []
        floor = [(kind, solid) for kind, solid in scene.ground if _is_floor(solid)]
        groups = [floor, *([item] for item in scene.ground if not _is_floor(item[1]))]
        for index, group in enumerate(groups):
            if not group:
                continue
            solids, top = [solid for _, solid in group], np.inf if index else _FLOOR_M
            self._blocks.append(_Block(solids, None, len(self.materials), top))
            self.solids += solids
            self.materials += [solid.material for _, solid in group]
            self.kinds += [kind for kind, _ in group]
            instances += [0] * len(group)
        for number, thing in enumerate(scene.things, 1):
            thing.instance = number
            for part in thing.parts:
                self._blocks.append(_Block(part.solids, part.motion, len(self.materials)))
                self.solids += part.solids
                self.materials += [solid.material for solid in part.solids]
                self.kinds += [thing.kind] * len(part.solids)
                instances += [number] * len(part.solids)
        self.instances = np.array(instances, np.int32)
        self.geom_at = np.zeros((len(instances), 3))
        self.geom_turn = np.zeros((len(instances), 3, 3))
        self.set_time(0.0)

    def set_time(self, time_s: float) -> None:
        """Move everything to where it is then."""
        for block in self._blocks:
            block.place(time_s)
            own = slice(block.first, block.first + block.num)
            self.geom_at[own] = block.local_at @ block.turn.T + block.at
            self.geom_turn[own] = block.turn @ block.local_turn

    def cast(self, origin: Array, directions: Array) -> Hits:
        """Cast rays from one point.

        Args:
            origin: (3,) metres.
            directions: (N, 3) unit vectors.
        """
        num = len(directions)
        hits = Hits(np.full(num, -1, np.int32), np.full(num, np.inf), np.zeros((num, 3)))
        bundles = _Bundles(directions)
        for block in self._blocks:
            rays = bundles.near(block, origin)
            if len(rays):
                _cast_block(block, origin, directions, rays, hits)
        return hits


class _Bundles:
    """Neighbouring rays together, so that most are not looked at one by one."""

    _SIZE = 64

    def __init__(self, directions: Array) -> None:
        self._directions, num = directions, len(directions)
        fill = np.repeat(directions[-1:], -num % self._SIZE, axis=0)
        groups = np.concatenate([directions, fill]).reshape(-1, self._SIZE, 3)
        axes = groups.mean(1)
        self._axes = axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-9)
        least = np.einsum('gri,gi->gr', groups, self._axes).min(1)
        self._spread = np.arccos(np.clip(least, -1, 1)) + 1e-6

    def near(self, block: _Block, origin: Array) -> Indices:
        """Rays that may meet a block, and some more."""
        if origin[2] > block.top:
            return np.flatnonzero(self._directions[:, 2] < 0)
        towards = block.turn @ block.centre + block.at - origin
        distance = float(np.linalg.norm(towards))
        if block.is_endless or distance <= block.radius * 1.001:
            return np.arange(len(self._directions))
        away = np.arccos(np.clip(self._axes @ (towards / distance), -1, 1))
        chosen = np.flatnonzero(away <= np.arcsin(block.radius / distance) + self._spread)
        rays = (chosen[:, None] * self._SIZE + np.arange(self._SIZE)).reshape(-1)
        return rays[rays < len(self._directions)]


def _cast_block(
    block: _Block, origin: Array, directions: Array, rays: Indices, hits: Hits
) -> None:
    local = np.ascontiguousarray(directions[rays] @ block.turn)
    num = len(local)
    geom, distance = np.empty(num, np.int32), np.empty(num)
    normal = np.zeros(num * 3)
    mujoco.mj_multiRay(
        block.model, block.data, block.turn.T @ (origin - block.at), local.reshape(-1), None, 1,
        -1, geom, distance, normal, num, _FAR_M,
    )  # fmt: skip
    nearer = np.flatnonzero((geom >= 0) & (distance < hits.distance[rays]))
    target = rays[nearer]
    hits.geom[target] = geom[nearer] + block.first
    hits.distance[target] = distance[nearer]
    hits.normal[target] = normal.reshape(-1, 3)[nearer] @ block.turn.T


def instances_of(things: Iterable[Thing], kind: str) -> list[Thing]:
    """Things of a class."""
    return [thing for thing in things if thing.kind == kind]
