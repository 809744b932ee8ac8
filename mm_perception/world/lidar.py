"""A spinning LiDAR in the world."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mm_perception.world.rays import dot, rotated
from mm_perception.world.scene import Array, Motion, Stage

Points = npt.NDArray[np.void]

#: One point, 24 bytes: metres, intensity 0 to 255, beam from below, instance (the truth), and
#: seconds from the stamp of the scan.
POINT = np.dtype(
    [
        ('x', 'f4'),
        ('y', 'f4'),
        ('z', 'f4'),
        ('intensity', 'f4'),
        ('ring', 'u2'),
        ('instance', 'u2'),
        ('time', 'f4'),
    ]
)


@dataclass(frozen=True)
class Lidar:
    """It turns clockwise (seen from above), each turn beginning behind it.

    A turn is fired in sectors: all beams of a sector at once, when its first column is due.

    Attributes:
        name: Of its topic and frame.
        channels: Beams above each other.
        columns: Directions per turn.
        sectors: Moments per turn.
        rate_hz: Turns per second.
        lowest: Elevation of the first beam, radians.
        highest: Elevation of the last.
        reach: Metres.
        noise: Standard deviation of the range, metres.
        dropout: Share of points that are lost.
        at: (3,) place on the body, metres; its axes are those of the body.
    """

    name: str = 'lidar'
    channels: int = 32
    columns: int = 900
    sectors: int = 24
    rate_hz: float = 10.0
    lowest: float = -0.45
    highest: float = 0.18
    reach: float = 80.0
    noise: float = 0.02
    dropout: float = 0.03
    at: Array = field(default_factory=lambda: np.array([0.0, 0.0, 1.9]))

    def scan(self, stage: Stage, body: Motion, start_s: float, rng: np.random.Generator) -> Points:
        """One turn, in order of time, (N,) of POINT.

        Each point is where the LiDAR saw it from where it was at that moment: in the frame of the
        LiDAR (x ahead, y left, z up) at `start_s + time`. Nothing is compensated: that takes the
        motion of the body between `start_s`, which is the stamp of the scan, and then.

        Args:
            stage: The scene; it is left at the moment of the last sector.
            body: Motion of what carries the LiDAR.
            start_s: When the turn begins.
            rng: For noise and lost points.
        """
        azimuth = np.linspace(np.pi, -np.pi, self.columns, endpoint=False)
        shade = np.array([np.mean(material.first) for material in stage.materials])
        parts, first = [], 0
        for columns in np.array_split(azimuth, self.sectors):
            after_s = first / (self.columns * self.rate_hz)
            stage.set_time(start_s + after_s)
            points = self._fire(stage, *body(start_s + after_s), columns, shade, rng)
            points['time'] = after_s
            parts.append(points)
            first += len(columns)
        return np.concatenate(parts)

    def _fire(
        self, stage: Stage, at: Array, turn: Array, azimuth: Array, shade: Array,
        rng: np.random.Generator,
    ) -> Points:  # fmt: skip
        """All beams over some columns at one moment; `time` is left at 0."""
        elevation = np.linspace(self.lowest, self.highest, self.channels)
        across, up = (grid.reshape(-1) for grid in np.meshgrid(azimuth, elevation))
        rays = np.stack([np.cos(up) * np.cos(across), np.cos(up) * np.sin(across), np.sin(up)], -1)
        directions = rotated(rays, turn)
        hits = stage.cast(at + turn @ self.at, directions)
        kept = (hits.geom >= 0) & (hits.distance < self.reach)
        kept &= rng.random(len(rays)) >= self.dropout
        which = np.flatnonzero(kept)
        geom, beams = hits.geom[which], rays[which]
        distance = hits.distance[which] + rng.normal(0, self.noise, len(which))
        points = np.zeros(len(which), POINT)
        points['x'], points['y'], points['z'] = (beams * distance[:, None]).T
        # Less comes back from dark surfaces, and from those that are met at a flat angle.
        facing = np.abs(dot(hits.normal[which], directions[which]))
        points['intensity'] = np.clip(255 * facing * (0.15 + 0.85 * shade[geom]), 0, 255)
        points['ring'] = which // len(azimuth)
        points['instance'] = stage.instances[geom]
        return points
