"""Boxes for texts: Grounding DINO (arXiv 2303.05499), as IDEA-Research/grounding-dino-tiny."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers import GroundingDinoForObjectDetection

from mm_perception.nets.grounders._checkpoint import load_checkpoint
from mm_perception.nets.grounders.grounder import Found, Grounder, GrounderSettings
from mm_perception.nets.grounders.owlv2 import boxes_to_found


class GroundingDino(Grounder):
    """One text per pass: with several in one sentence the model mixes their words up."""

    def __init__(self, settings: GrounderSettings) -> None:
        self._processor, self._model, self.weights_sha256 = load_checkpoint(
            settings, GroundingDinoForObjectDetection, 'grounding_dino'
        )
        self._device = settings.device

    @torch.inference_mode()
    def ground(
        self, image: npt.NDArray[np.uint8], texts: Sequence[str], min_score: float
    ) -> list[Found]:
        """See `Grounder.ground`."""
        found = []
        for index, text in enumerate(texts):
            # Trained on lower-case phrases that end with a full stop.
            phrase = text.lower().strip().rstrip('.') + '.'
            inputs = self._processor(images=image, text=phrase, return_tensors='pt')
            outputs = self._model(**inputs.to(self._device))
            results = self._processor.post_process_grounded_object_detection(
                outputs, inputs['input_ids'], threshold=min_score, text_threshold=min_score,
                target_sizes=[image.shape[:2]],
            )[0]  # fmt: skip
            scores = results['scores'].cpu().numpy()
            labels = np.full(len(scores), index, np.int64)
            boxes = results['boxes'].cpu().numpy()
            found += boxes_to_found(boxes, scores, labels, image.shape[:2])
        return sorted(found, key=lambda f: -f.score)


def load(settings: GrounderSettings) -> Grounder:
    """Load the checkpoint."""
    return GroundingDino(settings)
