"""Open-vocabulary detectors of transformers, by hub id or directory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoProcessor

from mm_perception.errors import WeightsError
from mm_perception.nets.grounders.grounder import GrounderSettings
from mm_perception.weights import directory_sha256, local_directory, locate

log = logging.getLogger('mm_perception.grounders')


def tokenize(processor: Any, texts: Sequence[str], length: int) -> Any:
    """Texts in the one length that the model was trained with; what is longer is cut, and logged.

    Args:
        processor: Of the checkpoint.
        texts: Any number.
        length: In tokens.
    """
    lengths = [len(ids) for ids in processor.tokenizer(list(texts))['input_ids']]
    for text, used in zip(texts, lengths, strict=True):
        if used > length:
            log.warning('the model reads %d of %d tokens of the text %r', length, used, text)
    return processor.tokenizer(
        list(texts), padding='max_length', truncation=True, max_length=length, return_tensors='pt'
    )


def load_checkpoint(
    settings: GrounderSettings, model_class: Any, nano: str
) -> tuple[Any, Any, str]:
    """The processor, the model and the hash of a checkpoint.

    Args:
        settings: What weights, and where to.
        model_class: Of transformers.
        nano: Folder of the nano weights of this class, if there are any; random weights have
            their architecture.

    Raises:
        WeightsError: They are not here, damaged, or of another architecture.
    """
    name = model_class.__name__
    fix = f'give the hub id or directory of a {name}'
    is_random = settings.weights == 'random'
    folder = local_directory(locate('nano' if is_random else settings.weights, nano))
    read_processor: Any = AutoProcessor.from_pretrained  # carries no types
    try:
        processor = read_processor(folder, local_files_only=True)
        if is_random:
            torch.manual_seed(0)
            model = model_class(model_class.config_class.from_pretrained(folder))
            return processor, _ready(model, settings), 'random'
        model, info = model_class.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError) as error:
        raise WeightsError(settings.weights, f'no {name}: {error}', fix) from error
    absent = sorted({*info['missing_keys'], *(key for key, *_ in info['mismatched_keys'])})
    if absent:
        raise WeightsError(settings.weights, f'lacks {", ".join(absent[:3])}', fix)
    return processor, _ready(model, settings), directory_sha256(folder)


def _ready(model: Any, settings: GrounderSettings) -> Any:
    return model.to(settings.device).eval().requires_grad_(False)
