"""Anchors: spots on things that stay where they are while the camera moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mm_perception.geometry.cameras import project
from mm_perception.geometry.rays import Ray, pose_along
from mm_perception.samples import Pose
from mm_perception.samples.sample import Array
from mm_perception.selecting.in_view import InView
from mm_perception.selecting.surfaces import Surface, surface_of

#: A new sight counts at least so much, so that a slow drift of the frame is followed.
_LEAST_WEIGHT = 0.05
#: Sights that are farther off than this are not of the same spot: metres, and per metre.
_GATE_M, _GATE_SHARE = 0.05, 0.02


@dataclass
class Anchor:
    """A spot on a thing, in the fixed frame.

    It is measured again wherever its own spot is seen, not where the mask happens to be thickest,
    so that it does not wander over the thing as the view of it changes.

    Attributes:
        surface: The thing's seen side as it was last seen.
        place: (3,) metres, mean of the sights.
        normal: (3,) unit vector out of the thing, mean of the sights.
        num_sights: That the mean rests on.
    """

    surface: Surface
    place: Array
    normal: Array
    num_sights: int = 1
    _reference: Array | None = None

    @classmethod
    def on(cls, surface: Surface) -> Anchor:
        """An anchor at the middle of a thing's seen side."""
        return cls(surface, surface.middle, surface.normal, _reference=surface.middle)

    def see(self, own: int, surface: Surface, view: InView, moved_m: float) -> None:
        """Take a new sight.

        Args:
            own: Id of the thing in the masks of the view.
            surface: Its seen side in the fixed frame.
            view: The picture.
            moved_m: If the middle of the seen side is farther than this from where it was, the
                thing moved and the anchor goes with it.
        """
        self.surface = surface
        shift = surface.middle - (surface.middle if self._reference is None else self._reference)
        if float(np.linalg.norm(shift)) > moved_m:
            self.place, self.num_sights = self.place + shift, 1
            self._reference = surface.middle
            return
        spot = self._spot(own, view)
        if spot is None:
            return
        camera = view.fixed_from_camera[:3, 3]
        farthest = _GATE_M + _GATE_SHARE * float(np.linalg.norm(self.place - camera))
        if float(np.linalg.norm(spot.middle - self.place)) > farthest:
            return  # seen flatly, or past an edge: another spot of the same thing
        self.num_sights += 1
        weight = max(1 / self.num_sights, _LEAST_WEIGHT)
        self.place = (1 - weight) * self.place + weight * spot.middle
        normal = (1 - weight) * self.normal + weight * spot.normal
        self.normal = normal / max(float(np.linalg.norm(normal)), 1e-9)

    def _spot(self, own: int, view: InView) -> Surface | None:
        """The surface where the anchor is, if that is seen on its thing."""
        camera_from_fixed = np.linalg.inv(view.fixed_from_camera)
        local = camera_from_fixed[:3, :3] @ self.place + camera_from_fixed[:3, 3]
        pixel = project(view.info, local[None])[0]
        height, width = view.masks.id_map.shape
        if not np.isfinite(pixel).all():
            return None
        column, row = (round(float(value)) for value in pixel)
        if not (0 <= column < width and 0 <= row < height):
            return None
        if view.masks.id_map[row, column] != own or own not in view.points_on:
            return None
        found = surface_of(view.masks.mask(own), view.points_on[own], view.info, pixel)
        return None if found is None else found.moved(view.fixed_from_camera)

    def pose(self, stamp_ns: int, frame_id: str) -> Pose:
        """Where an overlay goes: x out of the thing, z up as far as can be."""
        return pose_along(Ray(self.place, self.normal), stamp_ns, frame_id)


def occluded(view: InView, number: int, place: Array, side_m: float, margin_m: float) -> Array:
    """Where real things are in front of an overlay that faces the camera.

    With a depth picture point by point; else by whole things, whose seen side is nearer.

    Args:
        view: The picture.
        number: Id in the masks of the thing that carries the overlay; it hides nothing of it.
        place: (3,) metres in the fixed frame, middle of the overlay.
        side_m: Of the overlay, a square.
        margin_m: What is not nearer than this is not in front.

    Returns:
        (H, W) bool.
    """
    camera_from_fixed = np.linalg.inv(view.fixed_from_camera)
    local = camera_from_fixed[:3, :3] @ place + camera_from_fixed[:3, 3]
    corners = local + np.array([[-1.0, -1, 0], [1, 1, 0]]) * side_m / 2
    pixels = project(view.info, corners)
    height, width = view.masks.id_map.shape
    found = np.zeros((height, width), bool)
    if not np.isfinite(pixels).all():
        return found
    left, top = np.clip(np.round(pixels[0]), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.round(pixels[1]) + 1, 0, (width, height)).astype(int)
    ids = view.masks.id_map[top:bottom, left:right]
    limit = float(local[2]) - margin_m
    if view.depth is not None:
        points = np.zeros((0, 3)) if view.points is None else view.points
        near = project(view.info, points[points[:, 2] < limit])
        cells = np.round(near[np.isfinite(near).all(1)]).astype(int)
        inside = np.all((cells >= (left, top)) & (cells < (right, bottom)), axis=1)
        hits = np.zeros((height, width), np.uint8)
        hits[cells[inside, 1], cells[inside, 0]] = 1
        whole = cv2.dilate(hits, np.ones((3, 3), np.uint8))  # every other pixel has a point
        found[top:bottom, left:right] = (whole[top:bottom, left:right] > 0) & (ids != number)
        return found
    nearer = [i for i, points in view.points_on.items() if np.median(points[:, 2]) < limit]
    found[top:bottom, left:right] = np.isin(ids, nearer) & (ids != number)
    return found
