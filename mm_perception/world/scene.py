"""A scene: things made of simple solids, some of which move; compiled to a MuJoCo model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import mujoco
import numpy as np
import numpy.typing as npt

from mm_perception.world.materials import Material
from mm_perception.world.rays import BUNDLE, Bounds, Bundles, Indices, length

Array = npt.NDArray[np.float64]
#: (T) seconds to ((3,) metres, (3, 3) rotation) of a frame in the world.
Motion = Callable[[float], tuple[Array, Array]]

_FAR_M = 1e4
#: What is flat and not higher than this is floor.
_FLOOR_M = 0.3
#: Solids of the floor that make one block.
_PATCH = 8
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
    """Solids that are rigid together: a MuJoCo model of their own, and where it is.

    Args:
        solids: In the frame of the block.
        motion: Of that frame in the world; None if it is the world's.
        first: Number of the first of them in the stage.
    """

    def __init__(self, solids: list[Solid], motion: Motion | None, first: int) -> None:
        spec = mujoco.MjSpec()
        spec.memory = 1 << 20
        body = spec.worldbody if motion is None else spec.worldbody.add_body(mocap=True)
        for solid in solids:
            geom = body.add_geom(type=_SHAPES[solid.shape], pos=solid.at)
            geom.size[: len(solid.size)] = solid.size
            if solid.turn is not None:
                mujoco.mju_mat2Quat(geom.quat, np.ascontiguousarray(solid.turn).reshape(-1))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, self.data)
        self.own = slice(first, first + len(solids))
        self.motion, self.at, self.turn = motion, np.zeros(3), np.eye(3)
        self.local_at = self.data.geom_xpos.copy()
        self.local_turn = self.data.geom_xmat.reshape(-1, 3, 3).copy()
        #: In its own frame, metres: a ball, and a box around its middle.
        low, high, radius = self._limits()
        self.middle, self.half, self.radius = (low + high) / 2, (high - low) / 2, radius

    def _limits(self) -> tuple[Array, Array, float]:
        """Corners (3,) of a box around all solids, and the radius of a ball around its middle."""
        at, turns = self.local_at, self.local_turn
        offset, half = (part.copy() for part in np.split(self.model.geom_aabb, 2, axis=1))
        is_plane = self.model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
        offset[is_plane], half[is_plane] = 0.0, (_FAR_M, _FAR_M, 0.0)
        centre = at + np.einsum('gij,gj->gi', turns, offset)
        reach = np.einsum('gij,gj->gi', np.abs(turns), half)
        low, high = (centre - reach).min(0), (centre + reach).max(0)
        radii = np.where(is_plane, 2 * _FAR_M, self.model.geom_rbound)
        return low, high, float((length(at - (low + high) / 2) + radii).max())

    def place(self, time_s: float) -> bool:
        """Move its solids, as rays meet them, to where they are then; False if they are there."""
        if self.motion is None:
            return False
        at, turn = self.motion(time_s)
        if at is self.at and turn is self.turn:
            return False
        self.at, self.turn = at, turn
        self.data.mocap_pos[0] = at
        mujoco.mju_mat2Quat(self.data.mocap_quat[0], np.ascontiguousarray(turn).reshape(-1))
        mujoco.mj_kinematics(self.model, self.data)
        # The same again without the last digit that a quaternion takes: two faces that lie in one
        # plane, such as the top of a table and of its legs, keep the order they have at rest.
        self.data.geom_xpos[:] = self.local_at @ turn.T + at
        self.data.geom_xmat[:] = (turn @ self.local_turn).reshape(-1, 9)
        return True


def _is_floor(solid: Solid) -> bool:
    if solid.shape not in ('plane', 'box') or solid.turn is not None:
        return False
    return solid.at[2] + (solid.size[2] if solid.shape == 'box' else 0.0) < _FLOOR_M


def _blocks_of(ground: list[tuple[str, Solid]]) -> list[list[tuple[str, Solid]]]:
    """What is flat and low, some at a time, then each other solid."""
    floor = [item for item in ground if _is_floor(item[1])]
    patches = [floor[first : first + _PATCH] for first in range(0, len(floor), _PATCH)]
    return patches + [[item] for item in ground if not _is_floor(item[1])]


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
        for group in _blocks_of(scene.ground):
            solids = [solid for _, solid in group]
            self._blocks.append(_Block(solids, None, len(self.solids)))
            self.solids += solids
            self.kinds += [kind for kind, _ in group]
            instances += [0] * len(group)
        for number, thing in enumerate(scene.things, 1):
            thing.instance = number
            for part in thing.parts:
                self._blocks.append(_Block(part.solids, part.motion, len(self.solids)))
                self.solids += part.solids
                self.kinds += [thing.kind] * len(part.solids)
                instances += [number] * len(part.solids)
        self.materials = [solid.material for solid in self.solids]
        self.instances = np.array(instances, np.int32)
        self.geom_at = np.zeros((len(instances), 3))
        self.geom_turn = np.zeros((len(instances), 3, 3))
        num = len(self._blocks)
        self._bounds = Bounds(
            np.zeros((num, 3)), np.array([block.radius for block in self._blocks]),
            np.zeros((num, 3)), np.zeros((num, 3)),
        )  # fmt: skip
        for index in range(num):
            self._track(index)
        self.set_time(0.0)

    def set_time(self, time_s: float) -> None:
        """Move everything to where it is then."""
        for index, block in enumerate(self._blocks):
            if block.place(time_s):
                self._track(index)

    def _track(self, index: int) -> None:
        """Take over where a block is."""
        block, bounds = self._blocks[index], self._bounds
        self.geom_at[block.own] = block.data.geom_xpos
        self.geom_turn[block.own] = block.data.geom_xmat.reshape(-1, 3, 3)
        middle, half = block.turn @ block.middle + block.at, np.abs(block.turn) @ block.half
        bounds.centre[index], bounds.low[index] = middle, middle - half
        bounds.high[index] = middle + half

    def cast(self, origin: Array, directions: Array, only: int = 0) -> Hits:
        """Cast rays from one point.

        Args:
            origin: (3,) metres.
            directions: (N, 3) unit vectors; the closer those that follow each other, the faster.
            only: The instance that they may meet; 0 for all that there is.
        """
        bundles = Bundles(directions)
        shape = bundles.rays.shape
        hits = Hits(np.full(shape[:2], -1, np.int32), np.full(shape[:2], np.inf), np.zeros(shape))
        for block, chosen in zip(self._blocks, bundles.near(self._bounds, origin), strict=True):
            if len(chosen) and (not only or self._is_of(block, only)):
                _cast_block(block, origin, bundles.rays, chosen, hits)
        num = len(directions)
        return Hits(
            hits.geom.reshape(-1)[:num], hits.distance.reshape(-1)[:num],
            hits.normal.reshape(-1, 3)[:num],
        )  # fmt: skip

    def corners_of(self, instance: int) -> Array:
        """(8 per rigid part, 3) corners of boxes that hold a thing now, metres."""
        own = [i for i, block in enumerate(self._blocks) if self._is_of(block, instance)]
        ends = np.stack([self._bounds.low[own], self._bounds.high[own]])
        which = np.array(np.meshgrid(*[(0, 1)] * 3, indexing='ij')).reshape(3, -1).T
        corners: Array = ends[which, :, np.arange(3)].transpose(2, 0, 1).reshape(-1, 3)
        return corners

    def _is_of(self, block: _Block, instance: int) -> bool:
        return bool(self.instances[block.own.start] == instance)


def _cast_block(block: _Block, origin: Array, rays: Array, chosen: Indices, hits: Hits) -> None:
    """Cast the chosen bundles of (G, 64, 3) rays; `hits` are of that shape too."""
    num = len(chosen) * BUNDLE
    geom, distance, normal = np.empty(num, np.int32), np.empty(num), np.empty(num * 3)
    mujoco.mj_multiRay(
        block.model, block.data, origin, rays[chosen].reshape(-1), None, 1, -1, geom, distance,
        normal, num, _FAR_M,
    )  # fmt: skip
    nearer = np.flatnonzero((geom >= 0) & (distance < hits.distance[chosen].reshape(-1)))
    target = chosen[nearer // BUNDLE], nearer % BUNDLE
    hits.geom[target] = geom[nearer] + block.own.start
    hits.distance[target] = distance[nearer]
    hits.normal[target] = normal.reshape(-1, 3)[nearer]


def instances_of(things: Iterable[Thing], kind: str) -> list[Thing]:
    """Things of a class."""
    return [thing for thing in things if thing.kind == kind]
