"""One BEVFormer, and the memory of one robot that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mm_perception.errors import ConfigError, DeviceError, ShapeError
from mm_perception.nets.bevformer.boxes import BevBoxes
from mm_perception.nets.bevformer.configs import BevFormerConfig
from mm_perception.nets.bevformer.ego_motion import EgoMotion
from mm_perception.nets.bevformer.geometry import nearest_cameras
from mm_perception.nets.bevformer.model import BevFormer
from mm_perception.nets.bevformer.pillars import Clouds
from mm_perception.nets.bevformer.preprocess import Preprocessor
from mm_perception.nets.bevformer.undistort import Lens
from mm_perception.nets.bevformer.weights import load_model
from mm_perception.weights import LoadedModel


@dataclass
class BevState:
    """What is remembered of one robot's surroundings.

    Attributes:
        bev: (1, rows * columns, C) of the last frame; None at the start and after `reset`.
    """

    bev: Tensor | None = None

    def reset(self) -> None:
        """Forget, as on a jump of the clock or of the pose."""
        self.bev = None


@dataclass(frozen=True)
class BevResult:
    """What is around a robot.

    Attributes:
        boxes: In frame BEV.
        map: (layers, *config.map_size) float32, probabilities of `config.map_layers`; row 0 is
            rearmost, column 0 leftmost. None from a net without a map.
    """

    boxes: BevBoxes
    map: NDArray[np.float32] | None


class BevFormerEngine:
    """What is around a robot, from cameras and LiDAR (BEVFormer, arXiv 2203.17270), by frames.

    Example:
        engine = BevFormerEngine.load('bevformer_tiny_epoch_24.pth', 'cuda')
        state = BevState()
        boxes = engine.step(state, images, image_from_bev, EgoMotion()).boxes
        motion = EgoMotion(dx_m=2.1, dt_s=0.5)
        boxes = engine.step(state, images, image_from_bev, motion).boxes

    Frame BEV of the public weights is that of nuScenes' LiDAR: x right, y forward, z up, origin
    1.84 m above the ground (`ground_z_m`). That of `nano` has its origin on the ground.
    """

    def __init__(
        self, loaded: LoadedModel[BevFormer], device: torch.device, *, max_gap_s: float = 2.0
    ) -> None:
        if max_gap_s <= 0:
            raise ConfigError('max_gap_s', max_gap_s, 'more than 0 s')
        self.model = loaded.model.to(device)
        self.config: BevFormerConfig = loaded.model.config
        self.source = loaded.source
        self.sha256 = loaded.sha256
        self.licence = loaded.licence
        self.device = device
        self.preprocess = Preprocessor(self.config.pixels, device)
        self.max_gap_s = max_gap_s

    @classmethod
    def load(
        cls,
        weights: str,
        device: str | torch.device = 'cpu',
        *,
        config: BevFormerConfig | None = None,
        max_gap_s: float = 2.0,
    ) -> BevFormerEngine:
        """Load weights without touching the network.

        Args:
            weights: `nano`, a folder, an official `.pth` file, or `random`, see `load_model`.
            device: a torch device.
            config: see `load_model`.
            max_gap_s: after a longer pause memory is dropped; the weights were trained at 2 Hz.

        Raises:
            WeightsError: the weights cannot be used.
            ConfigError: an unknown random size.
            DeviceError: there is no such device.
        """
        try:
            target = torch.device(device)
        except RuntimeError as error:
            raise DeviceError(str(device), 'torch knows no such device') from error
        if target.type == 'cuda' and not torch.cuda.is_available():
            raise DeviceError(str(device), 'torch finds no CUDA device')
        return cls(load_model(weights, config), target, max_gap_s=max_gap_s)

    @torch.inference_mode()
    def step(
        self,
        state: BevState,
        images: Sequence[NDArray[np.uint8] | None],
        image_from_bev: ArrayLike,
        motion: EgoMotion,
        camera_ids: Sequence[int] | None = None,
        points: NDArray[np.float32] | None = None,
        lenses: Sequence[Lens | None] | None = None,
    ) -> BevResult:
        """Look, remember, and say what is there.

        Args:
            state: of this robot; its memory is replaced.
            images: N of (H, W, 3) uint8 RGB, of any sizes; None where one is missing. A net
                without an image branch ignores them.
            image_from_bev: (N, 4, 4) projections from frame BEV to px of the undistorted pictures,
                see `projection`.
            motion: since the frame before; with `dt_s` of 0, below 0 or above `max_gap_s` the
                memory is dropped first.
            camera_ids: which trained camera each one takes the learned embedding of; None takes
                the one that looks most nearly its way.
            points: (P, 4) of a scan: x, y, z in m, frame BEV, at the moment of the pictures, and
                intensity 0..1; None without one. A net without a LiDAR branch ignores it.
            lenses: what distorts the pictures; None, all or one, where nothing does.

        Returns:
            With no picture and no scan it comes from memory alone.

        Raises:
            ShapeError: sizes that do not belong together, or no camera at all.
            ConfigError: `camera_ids` that there are no embeddings for.
        """
        matrices = np.asarray(image_from_bev, np.float64)
        if not images or matrices.shape != (len(images), 4, 4):
            raise ShapeError('image_from_bev', f'({len(images)}, 4, 4)', str(matrices.shape))
        if not 0 < motion.dt_s <= self.max_gap_s:
            state.reset()
        if state.bev is None:
            # As in training: the first frame of a drive has come from nowhere.
            motion = EgoMotion(yaw_rad=motion.yaw_rad)
        if self.config.backbone is None:
            images, matrices, camera_ids = [None], np.eye(4)[None], None
        ids = self._embeddings(matrices, camera_ids)
        pixels, scaled, mask, index = self._look(images, matrices, lenses)
        output = self.model(
            pixels,
            scaled,
            [motion],
            state.bev,
            mask,
            torch.from_numpy(ids[index]).to(self.device),
            self._clouds(points),
        )
        state.bev = output.bev
        probabilities = None
        if output.map_logits is not None:
            probabilities = output.map_logits[0].float().sigmoid().cpu().numpy()
        return BevResult(self.model.boxes(output)[0], probabilities)

    def _look(
        self,
        images: Sequence[NDArray[np.uint8] | None],
        matrices: NDArray[np.float64],
        lenses: Sequence[Lens | None] | None,
    ) -> tuple[Tensor, Tensor, Tensor | None, list[int]]:
        """Pixels, their projections and mask, see `BevFormer.forward`, and of which cameras."""
        index = [number for number, image in enumerate(images) if image is not None]
        pictures = [image for image in images if image is not None]
        if not index:
            # The network needs something to run on: one black picture that nobody looks at.
            side = self.config.pixels.size_divisor
            pixels = torch.zeros(1, 1, 3, 2 * side, 2 * side, device=self.device)
            scaled = torch.from_numpy(matrices[:1]).float().to(self.device)[None]
            mask = torch.zeros(1, 1, dtype=torch.bool, device=self.device)
            return pixels, scaled, mask, [0]
        kept = None if lenses is None else [lenses[number] for number in index]
        return *self.preprocess(pictures, matrices[index], kept), None, index

    def _clouds(self, points: NDArray[np.float32] | None) -> Clouds | None:
        if points is None or self.config.pillars is None:
            return None
        if points.ndim != 2 or points.shape[1] != 4:
            raise ShapeError('points', '(P, 4) float32', str(points.shape))
        values = torch.from_numpy(np.array(points, np.float32)).to(self.device)
        sample = torch.zeros(len(values), dtype=torch.int64, device=self.device)
        return Clouds(values, sample, torch.ones(1, dtype=torch.bool, device=self.device))

    def _embeddings(
        self, matrices: NDArray[np.float64], camera_ids: Sequence[int] | None
    ) -> NDArray[np.int64]:
        """(N,) which learned camera embedding each camera gets."""
        headings = self.config.camera_headings_rad
        if camera_ids is None:
            return nearest_cameras(matrices, headings)
        ids = np.array(camera_ids, np.int64)
        if ids.shape != (len(matrices),) or not ((ids >= 0) & (ids < len(headings))).all():
            expected = f'{len(matrices)} numbers below {len(headings)}'
            raise ConfigError('camera_ids', list(camera_ids), expected)
        return ids
