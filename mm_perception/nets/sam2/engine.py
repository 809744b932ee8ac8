"""One SAM 2 model, shared by any number of camera streams."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from mm_perception.errors import ConfigError, DeviceError
from mm_perception.nets.sam2.attention import MemoryReader
from mm_perception.nets.sam2.encoder import FrameFeatures, encode_image
from mm_perception.nets.sam2.heads import Heads
from mm_perception.nets.sam2.preprocess import to_pixel_values
from mm_perception.nets.sam2.session import Sam2Session
from mm_perception.nets.sam2.weights import Model, load_model
from mm_perception.weights import LoadedModel


class Sam2Engine:
    """Promptable segmentation and tracking (SAM 2, arXiv 2408.00714) for live streams.

    Example:
        engine = Sam2Engine.load('facebook/sam2.1-hiera-tiny', 'cuda')
        session = engine.open_session(max_objects=8)
        result = session.step(image, [ObjectPrompt(1, box=(80, 40, 200, 160))])
        result = session.step(next_image)
        masks = result.masks()  # (1, H, W) bool

    Departures from the reference predictor: frames are never revisited, so a correction acts on
    the frame it comes with; small holes are not filled (the reference does, where its CUDA
    extension is built); masks of several objects may overlap (as there by default).
    """

    def __init__(
        self, loaded: LoadedModel[Model], device: torch.device, dtype: torch.dtype
    ) -> None:
        self.model: Model = loaded.model.to(device=device)
        for parameter in self.model.parameters():
            # Buffers stay float32: they hold frequencies of position codes, and rounding those to
            # half precision would move a point by several pixels.
            parameter.data = parameter.data.to(dtype)
        # A tenth more frames per second of nano on a CPU: pooling and convolutions like it.
        self.model.vision_encoder.to(memory_format=torch.channels_last)
        self.source = loaded.source
        self.sha256 = loaded.sha256
        self.licence = loaded.licence
        self.device = device
        self.dtype = dtype
        self.image_size: int = self.model.image_size
        self.mask_side: int = self.model.prompt_encoder.mask_input_size[0]
        self.reader = MemoryReader(self.model)
        self.heads = Heads(self.model)

    @classmethod
    def load(
        cls,
        weights: str,
        device: str | torch.device = 'cpu',
        dtype: torch.dtype = torch.float32,
        image_size: int | None = None,
    ) -> Sam2Engine:
        """Load weights without touching the network.

        Args:
            weights: hub id, hub-layout directory, Meta's `.pt` file, `random` or `random:<size>`.
            device: a torch device.
            dtype: of weights and features; masks are float32 and memories bfloat16 in any case.
            image_size: side of the network's input, px; None takes what the weights were made for
                (1024 for all public ones). Smaller is faster and coarser.

        Raises:
            WeightsError: the weights cannot be used.
            ConfigError: an unknown random size or a bad image size.
            DeviceError: there is no such device.
        """
        try:
            target = torch.device(device)
        except RuntimeError as error:
            raise DeviceError(str(device), 'torch knows no such device') from error
        if target.type == 'cuda' and not torch.cuda.is_available():
            raise DeviceError(str(device), 'torch finds no CUDA device')
        return cls(load_model(weights, image_size), target, dtype)

    def open_session(
        self,
        *,
        max_objects: int = 16,
        max_prompted_frames: int = 8,
        is_refined_frame_prompted: bool = True,
    ) -> Sam2Session:
        """Start a stream.

        Args:
            max_objects: more raise PromptError; time and memory grow with their number.
            max_prompted_frames: per object, 2 or more; see `ObjectMemory`. Each costs as much time
                as a recent frame, of which there are `num_maskmem - 1` (6).
            is_refined_frame_prompted: whether a corrected frame is remembered like a first prompt,
                as in the paper and in training. False is the default of the reference predictor,
                whose `add_all_frames_to_correct_as_cond` this is: there a correction fades out
                after `num_maskmem - 1` frames.
        """
        if max_objects < 1:
            raise ConfigError('max_objects', max_objects, 'at least 1')
        if max_prompted_frames < 2:
            raise ConfigError('max_prompted_frames', max_prompted_frames, 'at least 2')
        return Sam2Session(
            self,
            max_objects=max_objects,
            max_prompted_frames=max_prompted_frames,
            is_refined_frame_prompted=is_refined_frame_prompted,
        )

    def encode(self, image: NDArray[np.uint8]) -> FrameFeatures:
        """Features of an image (H, W, 3) uint8 RGB."""
        pixels = to_pixel_values(image, self.image_size)
        pixels = pixels.to(self.device, self.dtype, memory_format=torch.channels_last)
        return encode_image(self.model, pixels)
