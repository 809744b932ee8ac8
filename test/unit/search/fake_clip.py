"""A CLIP of three colours: what a picture or a text has of red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mm_perception.nets.clip.engine import ClipEngine, Picture

_WORDS = {'red': 0, 'green': 1, 'blue': 2}


class FakeClip(ClipEngine):
    """Counts what it embeds."""

    name, sha256, licence, logit_scale = '/weights/fake', 'abcdef0123456789', 'none', 30.0

    def __init__(self) -> None:
        super().__init__()
        self.num_images = 0

    def _image_features(self, images: Sequence[Picture]) -> Tensor:
        self.num_images += len(images)
        means = [image.reshape(-1, 3).mean(0) for image in images]
        return torch.tensor(np.array([[*mean, 1.0] for mean in means]), dtype=torch.float32)

    def _text_features(self, texts: Sequence[str]) -> Tensor:
        rows = []
        for text in texts:
            row = [0.0, 0.0, 0.0, 1.0]
            for number, word in enumerate(text.lower().split()):
                if word in _WORDS:
                    row[_WORDS[word]] += 200.0
                elif word != 'xqzvj':  # every word but that one is known a little
                    row[3] += 1.0 + 0.1 * number + len(word) / 50
            rows.append(row)
        return torch.tensor(rows, dtype=torch.float32)
