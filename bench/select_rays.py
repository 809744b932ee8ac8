"""Pointing for bench_select: from the eye and from a hand, steady or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from bench.select_rooms import Room, ns
from mm_perception.geometry.cameras import project
from mm_perception.geometry.rays import Ray, ray_through
from mm_perception.geometry.scans import points_of_depth
from mm_perception.plugins.xr_select import XrSelectConfig
from mm_perception.samples import Image
from mm_perception.samples.sample import Array
from mm_perception.selecting.in_view import InView
from mm_perception.selecting.surfaces import thickest_pixel
from mm_perception.world.camera import Camera

ERRORS_DEG = (0.0, 1.0, 2.0, 5.0)
PICTURES = 5
HAND = np.array([0.2, -0.25, -0.3])  # from the camera, along the body's axes


def share(hits: list[bool]) -> dict[str, Any]:
    """A share and of how many."""
    return {'right': round(float(np.mean(hits)), 4) if hits else None, 'n': len(hits)}


def trembling(ray: Ray, error_deg: float, rng: np.random.Generator) -> Ray:
    """A ray whose direction errs by a normal angle about both axes across it."""
    across = np.cross(ray.direction, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    up = np.cross(across, ray.direction)
    off = np.tan(np.radians(rng.normal(0, error_deg, 2))) if error_deg else np.zeros(2)
    turned = ray.direction + off[0] * across + off[1] * up
    return Ray(ray.origin, turned / np.linalg.norm(turned))


def seen(room: Room, index: int, camera: Camera, rng: np.random.Generator | None = None) -> InView:
    """A picture with true masks and depth, noisy if there is a generator."""
    masks, info = room.masks(index, camera), room.info(index, camera)
    pose, depth = room.pose(index, camera), depth_image(room, index, camera, rng)
    points = points_of_depth(depth, info, np.ones(masks.id_map.shape, bool))
    return InView(masks, info, pose, points, np.asarray(depth.data, np.float64), pose)


def depth_image(room: Room, index: int, camera: Camera, rng: np.random.Generator | None) -> Image:
    """Depth as a camera measures it; true without a generator."""
    depth = room.view(index, camera).depth.astype(np.float64)
    if rng is not None:
        depth = depth + rng.normal(0, 1, depth.shape) * (0.0012 + 0.0019 * (depth - 0.4) ** 2)
    return Image(
        stamp_ns=ns(room.drive.time_s(index)), frame_id=camera.frame_id, encoding='32FC1',
        data=depth.astype(np.float32),
    )  # fmt: skip


def rays(rooms: list[Room]) -> dict[str, Any]:
    """Pointing at every thing that is seen."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    rng = np.random.default_rng(5)
    for room in rooms:
        (camera,) = room.drive.cameras
        view = seen(room, 0, camera)
        centres = {i: np.argwhere(view.masks.mask(i)).mean(0)[::-1] for i in view.masks.ids}
        turn = room.drive.ego(0.0)[1]
        starts = {'eye': view.fixed_from_camera[:3, 3]}
        starts['hand'] = starts['eye'] + turn @ HAND
        for number in view.masks.ids:
            surface = room.surface(0, camera, number)
            pixels = np.argwhere(view.masks.mask(number))[:, ::-1]
            thickest = thickest_pixel(view.masks.mask(number))
            aims: dict[str, int] = {
                'anywhere': int(rng.integers(len(pixels))),
                'thickest': int(np.linalg.norm(pixels - thickest, axis=1).argmin()),
            }
            for aim, chosen in aims.items():
                for start, origin in starts.items():
                    ray = ray_through(origin, surface[chosen])
                    for error in ERRORS_DEG:
                        key = f'{start}, {aim}, {error:g} deg'
                        ways = point(view, ray, error, centres, rng)
                        for way, answer in ways.items():
                            found[key][way].append(answer == number)
        for key, way, is_right in at_nothing(room, view, centres, rng):
            found[key][way].append(is_right)
    return {key: {way: share(hits) for way, hits in ways.items()} for key, ways in found.items()}


def at_nothing(
    room: Room, view: InView, centres: dict[int, Array], rng: np.random.Generator
) -> Iterator[tuple[str, str, bool]]:
    """Pointing from the eye at five spots that are 30 px and more from all things."""
    (camera,) = room.drive.cameras
    outside = (view.masks.id_map == 0).astype(np.uint8)
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 3)
    spots = np.argwhere(away >= 30)
    origin = view.fixed_from_camera[:3, 3]
    for y, x in spots[rng.permutation(len(spots))[:5]].tolist():
        along = np.linalg.inv(camera.matrix) @ [x, y, 1.0]
        ray = ray_through(origin, origin + view.fixed_from_camera[:3, :3] @ along)
        for error in ERRORS_DEG:
            for way, answer in point(view, ray, error, centres, rng).items():
                yield f'eye, at nothing, {error:g} deg', way, answer == 0


def point(
    view: InView, ray: Ray, error_deg: float, centres: dict[int, Array], rng: np.random.Generator
) -> dict[str, int]:
    """Who is meant by several trembling rays, by each way; 0 for nobody."""
    spread = np.radians(XrSelectConfig().ray_spread_deg)
    totals: dict[int, float] = defaultdict(float)
    answers: dict[str, int] = {}
    for index in range(PICTURES):
        shaken = trembling(ray, error_deg, rng)
        shares, hit = view.pointed(shaken, spread)
        if index == 0:
            known, _ = view.pointed(shaken, np.radians(max(error_deg, 0.3)))
            answers['policy, error known, one picture'] = winner(known or {})
        for number, value in (shares or {}).items():
            totals[number] += value / PICTURES
        if index == 0:
            answers['policy, one picture'] = winner(shares or {})
            answers |= baselines(view, hit, centres)
    answers[f'policy, {PICTURES} pictures'] = winner(totals)
    return answers


def winner(shares: dict[int, float]) -> int:
    """The most probable, if it is probable enough."""
    best = max(shares, key=lambda i: shares[i], default=0)
    return best if shares.get(best, 0.0) >= XrSelectConfig().min_share else 0


def baselines(view: InView, hit: Array | None, centres: dict[int, Array]) -> dict[str, int]:
    """The thing under the ray, and that with the nearest centre."""
    if hit is None:
        return {'under the ray': 0, 'nearest centre': 0}
    to_camera = np.linalg.inv(view.fixed_from_camera)
    pixel = project(view.info, (to_camera[:3, :3] @ hit + to_camera[:3, 3])[None])[0]
    height, width = view.masks.id_map.shape
    under = 0
    if np.isfinite(pixel).all():
        x, y = np.round(pixel).astype(int)
        under = int(view.masks.id_map[y, x]) if 0 <= x < width and 0 <= y < height else 0
    nearest = min(centres, key=lambda i: float(np.linalg.norm(centres[i] - pixel)))
    return {'under the ray': under, 'nearest centre': nearest}
