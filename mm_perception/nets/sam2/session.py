"""SAM 2 on a live stream: frames one by one, objects added, refined and removed at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mm_perception.errors import PromptError, ShapeError
from mm_perception.nets.sam2.encoder import FrameFeatures
from mm_perception.nets.sam2.heads import Decoded
from mm_perception.nets.sam2.memory import FrameMemory, MemoryView, ObjectMemory
from mm_perception.nets.sam2.prompts import CheckedPrompt, ObjectPrompt, check_prompts
from mm_perception.nets.sam2.result import Sam2Result

if TYPE_CHECKING:
    from mm_perception.nets.sam2.engine import Sam2Engine

_PREVIOUS_LOGIT_LIMIT = 32.0  # of logits fed back to the prompt encoder, as in the reference


class Sam2Session:
    """The state of one camera stream. Not thread-safe; several sessions may share an engine.

    A step either succeeds or leaves the session as it was. Memory does not grow with time: see
    `ObjectMemory` for what is kept.
    """

    def __init__(
        self,
        engine: Sam2Engine,
        *,
        max_objects: int,
        max_prompted_frames: int,
        is_refined_frame_prompted: bool,
    ) -> None:
        self._engine = engine
        self._max_objects = max_objects
        self._max_prompted_frames = max_prompted_frames
        self._is_refined_frame_prompted = is_refined_frame_prompted
        self.reset()

    @property
    def object_ids(self) -> list[int]:
        """Tracked objects, in the order in which they were added."""
        return list(self._objects)

    def reset(self) -> None:
        """Forget all objects and the size of the images."""
        self._objects: dict[int, ObjectMemory] = {}
        self._image_hw: tuple[int, int] | None = None
        self._frame = 0

    def memory_bytes(self) -> int:
        """Bytes of all tensors held between steps."""
        storages = {
            tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
            for memory in self._objects.values()
            for tensor in memory.tensors()
        }
        return sum(storages.values())

    def num_tensors(self) -> int:
        """Number of tensors held between steps."""
        return sum(1 for memory in self._objects.values() for _ in memory.tensors())

    @torch.inference_mode()
    def step(
        self,
        image: NDArray[np.uint8],
        prompts: Sequence[ObjectPrompt] = (),
        remove: Sequence[int] = (),
    ) -> Sam2Result:
        """Process the next frame.

        Args:
            image: (H, W, 3) uint8 RGB; H and W stay the same while objects are tracked.
            prompts: for this frame. 'add' starts an object from this frame alone; 'refine' first
                tracks it to this frame, then corrects the result.
            remove: ids to forget before the frame; one of them may be added anew by a prompt.

        Returns:
            Masks of all objects, old and new, on this frame.

        Raises:
            ShapeError: image or array of the wrong shape, or image size changed under tracking.
            PromptError: a prompt or id that cannot be used, or too many objects.
        """
        objects = self._without(remove)
        image_hw = self._check_image(image, is_tracking=bool(objects))
        checked = check_prompts(prompts, objects, image_hw, self._engine.image_size)
        new = [prompt.object_id for prompt in checked if prompt.is_new]
        if len(objects) + len(new) > self._max_objects:
            fix = f'remove some, or raise max_objects above {self._max_objects}'
            raise PromptError('too many objects', len(objects) + len(new), fix)
        frame, ids = self._frame, [*objects, *new]
        if ids:
            decoded, spatial = self._compute(image, objects, checked)
        # Nothing below can fail: from here on the session changes.
        for object_id in new:
            objects[object_id] = self._new_memory()
        refined = {p.object_id for p in checked} if self._is_refined_frame_prompted else set(new)
        for row, object_id in enumerate(ids):
            memory = FrameMemory(spatial[row].clone(), decoded.pointers[row].clone())
            objects[object_id].store(frame, memory, is_prompted=object_id in refined)
        self._objects, self._image_hw, self._frame = objects, image_hw, frame + 1
        if not ids:
            return Sam2Result.empty(frame, image_hw, self._engine.mask_side, self._engine.device)
        return Sam2Result(
            frame,
            image_hw,
            np.array(ids, np.int64),
            decoded.mask_logits,
            decoded.iou,
            decoded.object_logits,
        )

    def _compute(
        self,
        image: NDArray[np.uint8],
        objects: dict[int, ObjectMemory],
        prompts: Sequence[CheckedPrompt],
    ) -> tuple[Decoded, Tensor]:
        """Results and spatial memories of all objects on this frame, old ones first."""
        engine = self._engine
        features = engine.encode(image)
        by_mask = [prompt for prompt in prompts if prompt.mask is not None]
        by_points = [prompt for prompt in prompts if prompt.mask is None]
        replaced = {prompt.object_id for prompt in by_mask}
        views = {
            object_id: memory.view(self._frame)
            for object_id, memory in objects.items()
            if object_id not in replaced
        }
        rows, conditioned = self._track(features, views)
        rows.update(self._apply_masks(features, by_mask))
        rows.update(self._apply_points(features, by_points, rows, conditioned))
        ids = [*objects, *(prompt.object_id for prompt in prompts if prompt.is_new)]
        decoded = Decoded.stack([rows[object_id] for object_id in ids])
        touched = {prompt.object_id for prompt in prompts}
        is_prompted = torch.tensor([i in touched for i in ids], device=engine.device)
        return decoded, engine.heads.encode_memory(features, decoded, is_prompted)

    def _track(
        self, features: FrameFeatures, views: dict[int, MemoryView]
    ) -> tuple[dict[int, Decoded], dict[int, Tensor]]:
        """Carry objects over from their memories; also their conditioned features (1, C, h, w)."""
        engine = self._engine
        rows: dict[int, Decoded] = {}
        conditioned: dict[int, Tensor] = {}
        groups: dict[tuple[int, int], list[int]] = {}
        for object_id, view in views.items():
            groups.setdefault(view.layout, []).append(object_id)
        if not groups:
            return rows, conditioned
        shared = engine.reader.start(features)
        for ids in groups.values():
            batch = engine.reader.read(shared, [views[i] for i in ids])
            decoded = engine.heads.decode(features, batch)
            for row, object_id in enumerate(ids):
                rows[object_id] = decoded.row(row)
                conditioned[object_id] = batch[row : row + 1]
        return rows, conditioned

    def _apply_masks(
        self, features: FrameFeatures, prompts: Sequence[CheckedPrompt]
    ) -> dict[int, Decoded]:
        if not prompts:
            return {}
        masks = _stack([prompt.mask for prompt in prompts], self._engine.device)
        decoded = self._engine.heads.accept_masks(features, masks)
        return {prompt.object_id: decoded.row(row) for row, prompt in enumerate(prompts)}

    def _apply_points(
        self,
        features: FrameFeatures,
        prompts: Sequence[CheckedPrompt],
        tracked: dict[int, Decoded],
        conditioned: dict[int, Tensor],
    ) -> dict[int, Decoded]:
        """Decode points and boxes, in one batch for each kind and number of points."""
        engine = self._engine
        groups: dict[tuple[bool, int], list[CheckedPrompt]] = {}
        for prompt in prompts:
            if prompt.points is not None:
                groups.setdefault((prompt.is_new, len(prompt.points)), []).append(prompt)
        rows: dict[int, Decoded] = {}
        for (is_new, _), group in groups.items():
            ids = [prompt.object_id for prompt in group]
            if is_new:
                source = engine.heads.unconditioned(features).expand(len(ids), -1, -1, -1)
                previous = None
            else:
                source = torch.cat([conditioned[i] for i in ids])
                logits = torch.cat([tracked[i].mask_logits for i in ids])[:, None]
                limit = _PREVIOUS_LOGIT_LIMIT
                previous = logits.clamp(-limit, limit).to(source.dtype)
            decoded = engine.heads.decode(
                features,
                source,
                points=_stack([p.points for p in group], engine.device),
                labels=_stack([p.labels for p in group], engine.device),
                previous=previous,
                is_initial=is_new,
            )
            rows.update((object_id, decoded.row(row)) for row, object_id in enumerate(ids))
        return rows

    def _without(self, remove: Sequence[int]) -> dict[int, ObjectMemory]:
        for object_id in remove:
            if object_id not in self._objects:
                known = f'tracked are {sorted(self._objects)}'
                raise PromptError('no such object to remove', object_id, known)
        return {i: memory for i, memory in self._objects.items() if i not in set(remove)}

    def _check_image(self, image: NDArray[np.uint8], *, is_tracking: bool) -> tuple[int, int]:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ShapeError('image', '(H, W, 3) uint8 RGB', f'{image.shape} {image.dtype}')
        height, width = image.shape[:2]
        if is_tracking and self._image_hw != (height, width):
            expected = f'{self._image_hw} as before; reset the session to change the size'
            raise ShapeError('image height and width', expected, str((height, width)))
        return height, width

    def _new_memory(self) -> ObjectMemory:
        config = self._engine.model.config
        cap, keep_first = self._max_prompted_frames, True
        if 0 < config.max_cond_frame_num <= cap:  # the model attends to the most recent ones only
            cap, keep_first = config.max_cond_frame_num, False
        return ObjectMemory(
            config.num_maskmem, config.max_object_pointers_in_encoder, cap, keep_first=keep_first
        )


def _stack(tensors: Sequence[Tensor | None], device: torch.device) -> Tensor:
    return torch.stack([tensor for tensor in tensors if tensor is not None]).to(device)
