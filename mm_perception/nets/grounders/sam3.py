"""SAM 3 (facebook/sam3, gated): masks for free texts, with a presence score that gates them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from transformers import Sam3Model

import mm_perception.nets.resnet  # noqa: F401 - nano's image encoder, for transformers' registry
from mm_perception.nets.grounders._checkpoint import load_checkpoint, tokenize
from mm_perception.nets.grounders.grounder import Found, Grounder, GrounderSettings
from mm_perception.samples import mask_box

#: Setting of a checkpoint: how a score comes about. Queries of SAM 3 suppose that the text is
#: true, so a product with its presence is right; where they have learned absence themselves, it
#: would count twice, and the least of both is taken.
SCORE_RULE, LEAST = 'score_rule', 'least'
_SURE = 30.0  # a logit whose sigmoid is 1
_SPECK = 0.1  # of the largest part of a mask: what is smaller does not belong to it


class Sam3(Grounder):
    """Grounds and segments in one model.

    Args:
        processor: A Sam3Processor, of pictures and texts.
        model: A Sam3Model in eval mode.
        weights_sha256: Of the model.
        device: Where it is.
    """

    def __init__(self, processor: Any, model: Any, weights_sha256: str, device: str) -> None:
        self._processor, self._device = processor, device
        self._takes_least = getattr(model.config, SCORE_RULE, '') == LEAST
        # Convolutions are faster in this order, on a CPU and on a GPU.
        self._model = model.to(memory_format=torch.channels_last)
        self.weights_sha256 = weights_sha256

    @torch.inference_mode()
    def ground(
        self, image: npt.NDArray[np.uint8], texts: Sequence[str], min_score: float
    ) -> list[Found]:
        """See `Grounder.ground`."""
        if not texts:
            return []
        found = []
        length = self._model.config.text_config.max_position_embeddings
        words = tokenize(self._processor, texts, length).to(self._device)
        # Of an array that cannot be written to, torch warns.
        pixels = self._processor.image_processor(images=image.copy(), return_tensors='pt')[
            'pixel_values'
        ]
        seen = self._model.get_vision_features(pixel_values=pixels.to(self._device))
        for index in range(len(texts)):
            row = slice(index, index + 1)
            outputs = self._model(
                vision_embeds=seen,
                input_ids=words['input_ids'][row],
                attention_mask=words['attention_mask'][row],
            )
            if self._takes_least:
                # Of the logits: the processor multiplies by a presence that is 1 then.
                outputs.pred_logits = outputs.pred_logits.minimum(outputs.presence_logits)
                outputs.presence_logits = torch.full_like(outputs.presence_logits, _SURE)
            # It multiplies each query's score with the presence of the text.
            results = self._processor.post_process_instance_segmentation(
                outputs, threshold=min_score, mask_threshold=0.5,
                target_sizes=[tuple(image.shape[:2])],
            )[0]  # fmt: skip
            for mask, score in zip(results['masks'], results['scores'], strict=True):
                whole = without_specks(mask.cpu().numpy() > 0)
                box = mask_box(whole)
                if box is not None:
                    found.append(Found(index, np.array(box, np.float32), float(score), whole))
        return sorted(found, key=lambda f: -f.score)


def without_specks(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The parts of a mask (H, W) that are no specks, which would blow up its box.

    Not the largest alone: what stands behind a pole is seen in two parts.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # of what is not in the mask
    kept: npt.NDArray[np.bool_] = mask & (areas >= _SPECK * areas.max())[labels]
    return kept


def load(settings: GrounderSettings) -> Grounder:
    """Load the checkpoint."""
    return Sam3(*load_checkpoint(settings, Sam3Model, 'grounder'), settings.device)
