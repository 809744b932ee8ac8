"""The mask decoder and the memory encoder over batches of objects (SAM 2 paper, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from mm_perception.nets.sam2.encoder import FrameFeatures
from mm_perception.nets.sam2.weights import Model

NO_OBJECT_LOGIT = -1024.0  # mask logit everywhere when the object is judged absent
_MASK_LOGIT = 10.0  # a mask given as a prompt becomes logits of plus or minus this


@dataclass(frozen=True)
class Decoded:
    """What the decoder says about B objects on one frame."""

    mask_logits: Tensor  # (B, 4h, 4w) float32, stride 4
    iou: Tensor  # (B,) predicted IoU of the mask, 0..1
    object_logits: Tensor  # (B,) above 0: the object is visible
    pointers: Tensor  # (B, C)

    def row(self, index: int) -> Decoded:
        """One object, still with a batch axis of 1."""
        s = slice(index, index + 1)
        return Decoded(self.mask_logits[s], self.iou[s], self.object_logits[s], self.pointers[s])

    @classmethod
    def stack(cls, rows: Sequence[Decoded]) -> Decoded:
        """One batch of several."""
        return cls(
            torch.cat([row.mask_logits for row in rows]),
            torch.cat([row.iou for row in rows]),
            torch.cat([row.object_logits for row in rows]),
            torch.cat([row.pointers for row in rows]),
        )


@dataclass(frozen=True)
class Candidates:
    """K masks for each of B objects: three where a prompt is ambiguous, else one."""

    mask_logits: Tensor  # (B, K, 4h, 4w), stride 4
    iou: Tensor  # (B, K) predicted IoU of each mask, 0..1
    tokens: Tensor  # (B, K, C): each becomes a pointer if its mask is taken
    object_logits: Tensor  # (B,) above 0: the object is visible


class Heads:
    """Prompt encoder, mask decoder and memory encoder, with the constants of one model cached."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def unconditioned(self, features: FrameFeatures) -> Tensor:
        """(1, C, h, w): input of the decoder for an object without memories."""
        no_memory: Tensor = self._model.no_memory_embedding.reshape(1, -1, 1, 1)
        return features.coarse + no_memory

    def decode(
        self,
        features: FrameFeatures,
        conditioned: Tensor,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        previous: Tensor | None = None,
        *,
        is_initial: bool = False,
        is_certain: bool = False,
    ) -> Decoded:
        """Predict one mask for each of B objects: of the candidates, the one that is best in IoU.

        Arguments are those of `candidates`.
        """
        found = self.candidates(
            features,
            conditioned,
            points,
            labels,
            previous,
            is_initial=is_initial,
            is_certain=is_certain,
        )
        return self.take(found, found.iou.argmax(dim=1))

    def candidates(
        self,
        features: FrameFeatures,
        conditioned: Tensor,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        previous: Tensor | None = None,
        *,
        is_initial: bool = False,
        is_certain: bool = False,
    ) -> Candidates:
        """Predict masks for each of B objects.

        Few points are ambiguous: then three candidates are made (SAM 2 paper, section 4, "mask
        decoder"). Tracking counts as no points.

        Args:
            features: of the frame.
            conditioned: (B, C, h, w) from memory attention, or `unconditioned`.
            points: (B, N, 2) in px of the network's input; None on frames without a prompt.
            labels: (B, N) int: 1 object, 0 background, 2 and 3 the corners of a box.
            previous: (B, 1, 4h, 4w) logits to refine.
            is_initial: whether the objects have no memories yet.
            is_certain: never make candidates, as for a mask from the user.
        """
        model, batch = self._model, conditioned.shape[0]
        num_points = 0 if labels is None else labels.shape[1]
        if points is None or labels is None:
            points = torch.zeros(batch, 1, 2, device=conditioned.device)
            labels = torch.full((batch, 1), -1, dtype=torch.int32, device=points.device)
        # Mixed precision would round places: bfloat16 moves a point by up to a pixel.
        with torch.autocast(conditioned.device.type, enabled=False):
            sparse, dense = model.prompt_encoder(
                input_points=points[:, None],
                input_labels=labels[:, None],
                input_boxes=None,
                input_masks=None if previous is None else previous.to(self._dtype),
            )
        masks, iou, tokens, object_logits = model.mask_decoder(
            image_embeddings=conditioned,
            image_positional_embeddings=self._image_positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=not is_certain and self._is_ambiguous(num_points, is_initial),
            high_resolution_features=[features.stride_4, features.stride_8],
        )
        return Candidates(masks[:, 0], iou[:, 0], tokens[:, 0], object_logits[:, 0, 0])

    def _is_ambiguous(self, num_points: int, is_initial: bool) -> bool:
        config = self._model.config
        return bool(
            config.multimask_output_in_sam
            and (is_initial or config.multimask_output_for_tracking)
            and config.multimask_min_pt_num <= num_points <= config.multimask_max_pt_num
        )

    def take(self, found: Candidates, best: Tensor) -> Decoded:
        """Take one of the candidates of each object and turn its token into the object pointer.

        Args:
            found: of B objects.
            best: (B,) which of the K.
        """
        rows = torch.arange(len(best), device=best.device)
        is_visible = found.object_logits > 0
        mask = found.mask_logits[rows, best].float()
        mask = mask.masked_fill(~is_visible[:, None, None], NO_OBJECT_LOGIT)
        # One candidate comes with one token; with several, each has its own.
        pointers = self._model.object_pointer_proj(found.tokens[rows, best])
        return Decoded(
            mask,
            found.iou[rows, best].float(),
            found.object_logits.float(),
            self._mix_absent(pointers, is_visible),
        )

    def accept_masks(self, features: FrameFeatures, masks: Tensor) -> Decoded:
        """Take masks from the user as they are; the decoder only makes the pointers.

        Args:
            features: of the frame.
            masks: (B, 1, S, S) of 0 and 1 at the network's input size; none may be empty.
        """
        model = self._model
        logits = 2 * _MASK_LOGIT * masks.float() - _MASK_LOGIT
        size = model.prompt_encoder.mask_input_size
        low = functional.interpolate(logits, size=size, mode='bilinear', antialias=True)[:, 0]
        coarse = features.coarse.expand(masks.shape[0], -1, -1, -1)
        # Without the no-memory embedding, as in the reference.
        dense = model.mask_downsample(masks.to(coarse.dtype))
        decoded = self.decode(features, coarse, previous=dense, is_certain=True)
        sure = torch.full_like(decoded.iou, _MASK_LOGIT)
        return Decoded(low, torch.ones_like(sure), sure, decoded.pointers)

    def encode_memory(
        self, features: FrameFeatures, decoded: Decoded, is_prompted: Tensor
    ) -> Tensor:
        """Spatial memories of B objects, (B, h*w, M) bfloat16 as in the reference.

        Args:
            features: of the frame.
            decoded: of the B objects.
            is_prompted: (B,) bool; masks the user worked on are remembered with hard edges.
        """
        model, config = self._model, self._model.config
        size = (model.image_size, model.image_size)
        high = functional.interpolate(decoded.mask_logits[:, None], size=size, mode='bilinear')
        soft = torch.where(is_prompted[:, None, None, None], (high > 0).float(), high.sigmoid())
        scaled = soft * config.sigmoid_scale_for_mem_enc + config.sigmoid_bias_for_mem_enc
        encoder = model.memory_encoder
        masks = encoder.mask_downsampler(scaled.to(features.coarse.dtype))
        fused = encoder.memory_fuser(encoder.feature_projection(features.coarse) + masks)
        memory: Tensor = encoder.projection(fused)  # (B, M, h, w)
        if model.occlusion_spatial_embedding_parameter is not None:
            absent = (decoded.object_logits <= 0).to(memory.dtype)[:, None, None, None]
            memory = memory + absent * model.occlusion_spatial_embedding_parameter[..., None, None]
        return memory.to(torch.bfloat16).flatten(2).transpose(1, 2).contiguous()

    def _mix_absent(self, pointers: Tensor, is_visible: Tensor) -> Tensor:
        visible = is_visible[:, None].to(pointers.dtype)
        absent: Tensor = self._model.no_object_pointer
        return visible * pointers + (1 - visible) * absent

    @property
    def _dtype(self) -> torch.dtype:
        dtype: torch.dtype = self._model.no_memory_embedding.dtype
        return dtype

    @cached_property
    def _image_positions(self) -> Tensor:
        """(1, C, h, w): random-frequency code of the image grid, shared with the points."""
        with torch.autocast(self._model.no_memory_embedding.device.type, enabled=False):
            positions: Tensor = self._model.get_image_wide_positional_embeddings()
        return positions.to(self._dtype)
