"""Where the pixels of a scaled, undistorted picture lie in the raw one, for `grid_sample`.

The lens models are those of sensor_msgs/CameraInfo, as OpenCV defines them ("Camera Calibration
and 3D Reconstruction"; equidistant: Kannala and Brandt, TPAMI 2006, equation 6, with four terms).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mm_perception.errors import ConfigError

POLYNOMIALS = ('plumb_bob', 'rational_polynomial')
FISHEYES = ('equidistant', 'fisheye')
_FOLD_STEPS = 1024


@dataclass(frozen=True)
class Lens:
    """How a camera bends light; it can be a key of a dict.

    Attributes:
        fx: Focal length along x, px of the raw picture.
        fy: Along y.
        cx: Principal point, px; the middle of the first pixel is (0, 0).
        cy: Likewise.
        model: plumb_bob, rational_polynomial, equidistant (also called fisheye), or empty for a
            picture that is undistorted already.
        coefficients: k1 k2 p1 p2 [k3 [k4 k5 k6]] of a polynomial, k1 k2 k3 k4 of a fisheye.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    model: str = ''
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would bend a picture in an undefined way.

        Raises:
            ConfigError: Unknown model, wrong number of coefficients, or not finite.
        """
        if self.model and self.model not in POLYNOMIALS + FISHEYES:
            known = ', '.join(POLYNOMIALS + FISHEYES)
            raise ConfigError('distortion_model', self.model, f'one of {known}, or none')
        counts = (0, 4) if self.model in FISHEYES else (0, 4, 5, 8)
        if len(self.coefficients) not in counts:
            expected = f'{" or ".join(map(str, counts))} numbers for {self.model or "no model"}'
            raise ConfigError('distortion coefficients', self.coefficients, expected)
        numbers = (self.fx, self.fy, self.cx, self.cy, *self.coefficients)
        if not all(map(math.isfinite, numbers)) or self.fx <= 0 or self.fy <= 0:
            raise ConfigError('calibration', numbers, 'finite numbers, focal lengths above 0')

    @property
    def is_straight(self) -> bool:
        """Whether raw and undistorted pictures are the same."""
        return self.model not in FISHEYES and not any(self.coefficients)


def sampling_grid(
    lens: Lens | None, size: tuple[int, int], out: tuple[int, int], device: torch.device | str
) -> tuple[Tensor, Tensor | None]:
    """Where to sample a raw picture so that it comes out undistorted and scaled.

    The undistorted picture has the size and the intrinsics of the raw one, as `cv2.undistort`
    makes it.

    Args:
        lens: None for pictures that are undistorted already.
        size: Rows and columns of the raw picture.
        out: Rows and columns of the result.
        device: Where it is computed and stays.

    Returns:
        (rows, columns, 2) float32, x then y, -1 and 1 at the outer edges of the raw picture
        (`align_corners=False`), and (rows, columns) bool, whether the lens sees it there; None if
        it does everywhere.
    """
    x, y = _source(out[1], size[1], device), _source(out[0], size[0], device)
    if lens is None or lens.is_straight:
        grid = torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1)
        return _normalised(grid, size), None
    rays = torch.stack(
        torch.meshgrid((x - lens.cx) / lens.fx, (y - lens.cy) / lens.fy, indexing='xy'), dim=-1
    )
    bent = distort(lens, rays)
    scale, shift = bent.new_tensor([lens.fx, lens.fy]), bent.new_tensor([lens.cx, lens.cy])
    grid = bent * scale + shift
    grid = torch.where(rays.norm(dim=-1, keepdim=True) < fold_radius(lens, rays), grid, -torch.inf)
    limit = grid.new_tensor([size[1] - 0.5, size[0] - 0.5])
    is_seen = ((grid > -0.5) & (grid < limit)).all(dim=-1)
    grid = _normalised(torch.where(is_seen[..., None], grid, 0), size)
    return grid, None if bool(is_seen.all()) else is_seen


def distort(lens: Lens, rays: Tensor) -> Tensor:
    """Where rays meet the plane at distance 1 once the lens has bent them.

    Args:
        lens: Of the camera.
        rays: (..., 2), x / z and y / z in optical axes (REP 103).

    Returns:
        Of the shape of `rays`; times focal lengths, plus the principal point, it is px.
    """
    squared = (rays * rays).sum(dim=-1, keepdim=True)
    radial = rays * _radial(lens, squared.sqrt())
    if lens.model in FISHEYES:
        return radial
    p1, p2 = (*lens.coefficients, 0.0, 0.0, 0.0, 0.0)[2:4]
    x, y = rays[..., :1], rays[..., 1:]
    aside = torch.cat(
        (
            2 * p1 * x * y + p2 * (squared + 2 * x * x),
            p1 * (squared + 2 * y * y) + 2 * p2 * x * y,
        ),
        dim=-1,
    )
    return radial + aside


def fold_radius(lens: Lens, rays: Tensor) -> float:
    """How far from the axis, as tan of the angle, the model means anything.

    Beyond, polynomials turn back, and the border of the picture would appear a second time.

    Args:
        lens: Of the camera.
        rays: (..., 2) those that matter.

    Returns:
        At most a little beyond the farthest ray.
    """
    farthest = float(rays.norm(dim=-1).max()) * 1.01 + 1e-6
    radius = torch.linspace(0, farthest, _FOLD_STEPS, dtype=torch.float64)
    bent = radius * _radial(lens, radius)
    folds = (bent.diff() <= 0).nonzero()
    return float(radius[int(folds[0, 0])]) if len(folds) else farthest


def _radial(lens: Lens, radius: Tensor) -> Tensor:
    """By what the lens stretches a ray that is this far (tan of the angle) from the axis."""
    if lens.model in FISHEYES:
        angle = radius.atan()
        stretched = angle * (1 + _powers(lens.coefficients, angle * angle))
        return torch.where(radius > 1e-9, stretched / radius.clamp(min=1e-9), 1.0)
    k1, k2, _, _, k3, *below = (*lens.coefficients, *(0.0,) * (8 - len(lens.coefficients)))
    squared = radius * radius
    return (1 + _powers((k1, k2, k3), squared)) / (1 + _powers(below, squared))


def _powers(coefficients: Sequence[float], value: Tensor) -> Tensor:
    """c1 v + c2 v^2 + ..."""
    total = torch.zeros_like(value)
    for coefficient in reversed(coefficients):
        total = (total + coefficient) * value
    return total


def _source(count: int, full: int, device: torch.device | str) -> Tensor:
    """Columns (or rows) of the full picture at the middles of those of the scaled one."""
    steps = torch.arange(count, dtype=torch.float64, device=device)
    return (steps + 0.5) * (full / count) - 0.5


def _normalised(grid: Tensor, size: tuple[int, int]) -> Tensor:
    return ((2 * grid + 1) / grid.new_tensor([size[1], size[0]]) - 1).float()
