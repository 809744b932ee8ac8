"""CLIP and its relatives from transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
)

from mm_perception.errors import WeightsError
from mm_perception.nets.clip.engine import ClipEngine, Picture
from mm_perception.weights import directory_sha256, local_directory

Tokenize = Callable[[Sequence[str]], dict[str, Tensor]]


class TransformersClip(ClipEngine):
    """A dual encoder with `get_image_features` and `get_text_features`.

    Args:
        model: The network.
        processor: Turns pictures into pixels.
        tokenize: Turns texts into the network's text inputs.
        device: Where to run.
        name: Which model this is.
        sha256: Hash of its weights.
    """

    def __init__(
        self, model: Any, processor: Any, tokenize: Tokenize, device: str, name: str, sha256: str
    ) -> None:
        super().__init__()
        self.model = model.to(device).eval().requires_grad_(False)
        self._processor, self._tokenize, self._device = processor, tokenize, device
        self.name, self.sha256 = name, sha256
        self.licence = 'see the model card of the weights'
        self.logit_scale = float(model.logit_scale.exp().item())

    @classmethod
    def load(cls, weights: str, device: str) -> TransformersClip:
        """Load a directory in hub layout, a hub id that is in the local cache, or `random`."""
        if weights == 'random':
            return cls(*random_clip(), device, 'random CLIP', 'random')
        folder = local_directory(weights)
        try:
            model, info = AutoModel.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
            read_processor: Any = AutoImageProcessor.from_pretrained  # carries no types
            processor = read_processor(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise WeightsError(
                weights, f'no dual encoder: {error}', 'give a CLIP model'
            ) from error
        if not hasattr(model, 'get_text_features'):
            raise WeightsError(weights, f'is a {type(model).__name__}', 'give a CLIP model')
        absent = sorted({*info['missing_keys'], *(key for key, *_ in info['mismatched_keys'])})
        if absent:
            raise WeightsError(weights, f'lacks {", ".join(absent[:3])}', 'give a CLIP model')
        tokenize = _hub_tokenizer(tokenizer, _context_length(model))
        return cls(model, processor, tokenize, device, weights, directory_sha256(folder))

    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        # Samples are read-only, which torch warns about before it copies them anyway.
        own = [image if image.flags.writeable else image.copy() for image in images]
        pixels = self._processor(images=own, return_tensors='pt')['pixel_values']
        output = self.model.get_image_features(pixel_values=pixels.to(self._device))
        return _tensor(output)

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        inputs = {k: v.to(self._device) for k, v in self._tokenize(texts).items()}
        return _tensor(self.model.get_text_features(**inputs))


def _tensor(output: Any) -> Tensor:
    """Transformers 5 returns an output object here, version 4 a tensor."""
    features: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return features


def _context_length(model: Any) -> int:
    text = getattr(model.config, 'text_config', model.config)
    return int(getattr(text, 'max_position_embeddings', 77))


def _hub_tokenizer(tokenizer: Any, length: int) -> Tokenize:
    def tokenize(texts: Sequence[str]) -> dict[str, Tensor]:
        found = tokenizer(
            list(texts), padding='max_length', truncation=True, max_length=length,
            return_tensors='pt',
        )  # fmt: skip
        return {k: v for k, v in found.items() if k in ('input_ids', 'attention_mask')}

    return tokenize


def random_clip() -> tuple[CLIPModel, CLIPImageProcessor, Tokenize]:
    """A very small CLIP with reproducible random weights and the true tokenizer, for tests."""
    import open_clip

    ids = open_clip.get_tokenizer('ViT-B-32')
    text = {
        'hidden_size': 32, 'intermediate_size': 64, 'num_hidden_layers': 1,
        'num_attention_heads': 2, 'eos_token_id': 49407, 'bos_token_id': 49406,
        'pad_token_id': 0, 'projection_dim': 32,
    }  # fmt: skip
    vision = {
        'hidden_size': 32, 'intermediate_size': 64, 'num_hidden_layers': 1,
        'num_attention_heads': 2, 'image_size': 64, 'patch_size': 16, 'projection_dim': 32,
    }  # fmt: skip
    state = torch.get_rng_state()
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=32))
    torch.set_rng_state(state)
    size = {'shortest_edge': 64}
    processor = CLIPImageProcessor(size=size, crop_size={'height': 64, 'width': 64})
    return model, processor, lambda texts: {'input_ids': ids(list(texts))}
