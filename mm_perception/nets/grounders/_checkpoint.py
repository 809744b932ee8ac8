"""Open-vocabulary detectors of transformers, by hub id or directory: boxes for texts."""

from __future__ import annotations

from typing import Any

import torch

from mm_perception.errors import WeightsError
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.weights import local_directory


def load_pair(settings: GrounderSettings, model_class: Any) -> tuple[Any, Any]:
    """The processor and the model of a checkpoint.

    Raises:
        WeightsError: They are not here, or of another architecture.
    """
    from transformers import AutoProcessor

    folder = local_directory(settings.weights)
    try:
        model = model_class.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(
            settings.weights,
            f'no {model_class.__name__}: {error}',
            'give a checkpoint of that class',
        ) from error
    return processor, model.to(settings.device).eval().requires_grad_(False)
