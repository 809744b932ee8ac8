"""Image-text matching with CLIP: as a stream (zero-shot labels, embeddings) and as a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, RequestError
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Output,
    Outputs,
    Port,
    PublicWeights,
    Reference,
    Request,
)
from mm_perception.samples import (
    Embedding,
    EmbedTextReply,
    EmbedTextRequest,
    Image,
    Labels,
    MatchReply,
    MatchRequest,
    Sample,
)

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine


@dataclass(frozen=True)
class ClipConfig:
    """Settings of the `clip` plugin."""

    weights: str = parameter('nano', 'nano, a hub id, a directory, open_clip:..., or random.')
    labels: tuple[str, ...] = parameter(
        (), 'Texts that each picture is compared with; empty publishes no labels.', live=True
    )
    templates: tuple[str, ...] = parameter(
        ('a photo of {}',), 'Sentences around a label, {} is the label; averaged.', live=True
    )
    temperature: float = parameter(
        0.0, 'Divides cosines before the softmax; 0 takes the one that was learned.',
        minimum=0.0, maximum=10.0, live=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse templates without a place for the label, and no template at all."""
        if not self.templates:
            raise ConfigError('templates', [], "at least one sentence, such as '{}'")
        for template in self.templates:
            if '{}' not in template:
                raise ConfigError('templates', template, 'a sentence with {} in it')


class Clip(ModelPlugin[ClipConfig, 'ClipEngine']):
    """What does the camera see, in words of your choice."""

    card: ClassVar[Card] = Card(
        title='Matches pictures and texts; zero-shot labels and embeddings',
        system='1',
        paper='Radford et al., Learning Transferable Visual Models From Natural Language '
        'Supervision, 2021, arXiv 2103.00020',
        reference_code='transformers CLIPModel; open_clip 3.3',
        weights=(
            PublicWeights('openai/clip-vit-base-patch32', 'MIT', 'transformers'),
            PublicWeights('open_clip:ViT-B-32/laion2b_s34b_b79k', 'MIT', 'open_clip'),
            PublicWeights('google/siglip2-base-patch16-224', 'Apache-2.0', 'transformers'),
        ),
        limits=('Scores compare the given texts with each other; none of them may be right.',),
    )
    Config: ClassVar[type[Any]] = ClipConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras.'),
        'match': Request(MatchRequest, 'Which text fits?', reply_type=MatchReply),
        'embed_text': Request(EmbedTextRequest, 'Texts to vectors.', reply_type=EmbedTextReply),
    }
    outputs: ClassVar[dict[str, Output]] = {
        'labels': Output(Labels, 'The labels with their probabilities, best first.'),
        'embedding': Output(Embedding, 'The picture as a vector.'),
    }

    def __init__(self, config: ClipConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._newest: dict[str, Image] = {}

    @classmethod
    def tiny(cls) -> ClipConfig:
        """A network with random weights for tests."""
        return ClipConfig(weights='random', labels=('a car', 'a tree'))

    def load(self, device: str) -> None:
        """Load the model, or take the one that another node has loaded."""
        from mm_perception.nets.clip import shared_clip

        self._shared = shared_clip(self.config.weights, device)

    def infer(self, inputs: Inputs) -> Outputs:
        """Embed the picture and compare it with the labels."""
        image = inputs.one('image')
        if not isinstance(image, Image):
            raise TypeError(type(image))
        self._newest[inputs.stream] = image
        header: dict[str, Any] = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        vector = self._engine.embed_images([image.rgb()])[0]
        outputs: dict[str, Sample] = {
            'embedding': Embedding(**header, vector=vector, model=self._engine.name)
        }
        if self.config.labels:
            texts = self._label_vectors(self.config.labels)
            scores = self._softmax(texts @ vector)
            order = np.argsort(-scores, kind='stable')
            names = tuple(self.config.labels[i] for i in order)
            outputs['labels'] = Labels(**header, names=names, scores=scores[order])
        return outputs

    def answer(self, port: str, request: Sample) -> Sample:
        """Match texts with a picture, or embed texts."""
        if isinstance(request, MatchRequest):
            return self._match(request)
        if isinstance(request, EmbedTextRequest):
            if not request.texts:
                raise RequestError('no texts', request.texts, 'give at least one')
            vectors = self._engine.embed_texts(request.texts)
            return EmbedTextReply(
                stamp_ns=request.stamp_ns, vectors=vectors, model=self._engine.name
            )
        raise RequestError('unknown request', port, 'use match or embed_text')

    def rewind(self, stream: str) -> None:
        """The newest picture is of another run."""
        self._newest.pop(stream, None)

    def reset(self) -> None:
        """Forget the newest pictures."""
        self._newest.clear()

    def _match(self, request: MatchRequest) -> MatchReply:
        if not request.texts:
            raise RequestError('no texts', request.texts, 'give at least one')
        image = request.image or self._newest_of(request.stream)
        vector = self._engine.embed_images([image.rgb()])[0]
        cosines = self._engine.embed_texts(request.texts) @ vector
        return MatchReply(
            stamp_ns=image.stamp_ns,
            frame_id=image.frame_id,
            scores=self._softmax(cosines),
            cosines=cosines.astype(np.float32),
        )

    def _newest_of(self, stream: str) -> Image:
        if stream in self._newest:
            return self._newest[stream]
        if not stream and len(self._newest) == 1:
            return next(iter(self._newest.values()))
        known = ', '.join(self._newest) or 'none yet (nobody subscribes to an output?)'
        raise RequestError('no picture of that camera', stream, f'there are: {known}')

    def _label_vectors(self, labels: Sequence[str]) -> npt.NDArray[np.float32]:
        """One unit vector per label, the mean over the templates."""
        texts = [t.replace('{}', label) for label in labels for t in self.config.templates]
        vectors = self._engine.embed_texts(texts)
        mean = vectors.reshape(len(labels), len(self.config.templates), -1).mean(axis=1)
        unit = mean / np.linalg.norm(mean, axis=1, keepdims=True).clip(1e-9)
        return np.asarray(unit, np.float32)

    def _softmax(self, cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        temperature = self.config.temperature or 1 / self._engine.logit_scale
        logits = cosines.astype(np.float64) / temperature
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum(), np.float32)


PLUGIN = Clip
