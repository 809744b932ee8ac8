"""What is where in a picture, in words of your choice: DINOv2 patches beside texts of CLIP.

Every pixel gets the label whose text is nearest to its patch, or none where a background text is
nearer or no label is likely. Pictures and texts become vectors too, for search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, PromptError, RequestError
from mm_perception.model_cache import Shared
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
    Masks,
    MatchReply,
    MatchRequest,
    Sample,
)

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine
    from mm_perception.nets.dino import DinoEngine
    from mm_perception.nets.dino.labelling import Vocabulary


@dataclass(frozen=True)
class DinoSegmentConfig:
    """Settings of the `dino_segment` plugin."""

    weights: str = parameter('nano', 'Of DINOv2: nano, a hub id, a directory, or random.')
    text_map: str = parameter(
        '', 'File of the map from texts to patches; empty for the one beside the weights.'
    )
    clip: str = parameter(
        '', 'Weights of CLIP for the texts; empty for those that the map says it is made for.'
    )
    labels: tuple[str, ...] = parameter(
        (
            'car', 'van', 'truck', 'bus', 'person', 'cyclist', 'cone', 'barrier', 'tree',
            'traffic light', 'ball', 'crate', 'table', 'chair', 'sofa', 'lamp', 'fridge', 'cup',
            'plant', 'television',
        ),
        'Texts to look for; the first has id 1 in the masks.', live=True,
    )  # fmt: skip
    background: tuple[str, ...] = parameter(
        ('street', 'room'), 'Texts for what is behind all labels; it has id 0.', live=True
    )
    min_share: float = parameter(
        0.0, 'Pixels whose label is less likely among all texts have id 0.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    side_px: int = parameter(
        0, 'Side of the square that a picture becomes; 0 takes that of the network.',
        minimum=0, maximum=4096,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse empty texts, and texts that come twice."""
        texts = (*self.labels, *self.background)
        if not self.labels or not all(text.strip() for text in texts):
            raise ConfigError('labels', list(self.labels), 'at least one text, and no empty one')
        if len(set(texts)) < len(texts):
            raise ConfigError('labels', list(texts), 'texts that differ from each other')


class DinoSegment(ModelPlugin[DinoSegmentConfig, 'DinoEngine']):
    """Pictures in; which label every pixel has, out."""

    card: ClassVar[Card] = Card(
        title='Open-vocabulary segmentation and search: DINOv2 patches in words of CLIP',
        system='1-1',
        paper='Oquab et al., DINOv2, 2023, arXiv 2304.07193; Barsellotti et al., Talk2DINO, 2024, '
        'arXiv 2411.19331; Jose et al., dino.txt, 2024, arXiv 2412.16334',
        reference_code='transformers Dinov2WithRegistersModel; the file of the map as in '
        'lorebianchi98/Talk2DINO',
        weights=(
            PublicWeights(
                'facebook/dinov2-with-registers-base',
                'Apache-2.0',
                'with a map of Talk2DINO as text_map and openai/clip-vit-base-patch16 as clip',
            ),
            PublicWeights('facebook/dinov2-base', 'Apache-2.0', 'with a map for it as text_map'),
        ),
        limits=(
            'Every text competes with all others: what none of them names gets the nearest.',
            'A patch is the smallest thing: 8 px (nano) or 14 px of the square that is looked at.',
            'It tells classes apart, not instances: two cars side by side are one region.',
            'A map that is made for patches alone compares a picture by their mean.',
        ),
    )
    Config: ClassVar[type[Any]] = DinoSegmentConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Any number of cameras.'),
        'match': Request(MatchRequest, 'Which text fits a picture?', reply_type=MatchReply),
        'embed_text': Request(
            EmbedTextRequest, 'Texts to vectors, to search pictures with.',
            reply_type=EmbedTextReply,
        ),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'masks': Output(Masks, 'One id for each label, in their order; 0 is background.'),
        'embedding': Output(Embedding, 'The picture as a vector.'),
        'overlay': Output(Image, 'The picture with labels painted over it.', is_debug=True),
    }

    def __init__(self, config: DinoSegmentConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._clip: Shared[ClipEngine] | None = None
        self._newest: dict[str, Image] = {}
        self._vocabulary: Vocabulary | None = None

    @classmethod
    def tiny(cls) -> DinoSegmentConfig:
        """Networks with random weights for tests."""
        return DinoSegmentConfig(weights='random', labels=('a car', 'a tree'), background=())

    def load(self, device: str) -> None:
        """Load the models, or take those that another node has loaded."""
        from mm_perception.nets.clip import shared_clip
        from mm_perception.nets.dino import clip_of, shared_dino

        settings = self.config
        clip = settings.clip or clip_of(settings.weights, settings.text_map)
        if not clip:
            raise ConfigError('clip', '', 'weights of CLIP: the map does not say for which it is')
        self._clip = shared_clip(clip, device)
        try:
            self._shared = shared_dino(
                settings.weights, settings.text_map, self._clip, device, settings.side_px
            )
        except BaseException:
            self.close()
            raise

    def model_info(self) -> dict[str, str]:
        """Weights and their hashes."""
        info = super().model_info()
        if info:
            clip = self._engine.clip
            info |= {'clip': clip.name, 'clip_sha256': clip.sha256}
        return info

    def infer(self, inputs: Inputs) -> Outputs:
        """Compare each patch with each text."""
        from mm_perception.nets.dino.labelling import paint

        image = inputs.one('image')
        if not isinstance(image, Image):
            raise TypeError(type(image))
        self._newest[inputs.stream] = image
        header: dict[str, Any] = {'stamp_ns': inputs.stamp_ns, 'frame_id': inputs.frame_id}
        rgb = image.rgb()
        sight = self._engine.look(rgb)
        outputs: dict[str, Sample] = {
            'embedding': Embedding(**header, vector=sight.whole, model=self._engine.name)
        }
        known = self._known()
        shares = known.shares(sight.patches, self._engine.logit_scale)
        id_map, scores = paint(
            shares, (rgb.shape[0], rgb.shape[1]), known.ids, self.config.min_share
        )
        is_there = np.array([i in id_map for i in known.ids], bool)
        masks = Masks(
            **header, id_map=id_map, ids=known.ids, labels=known.labels,
            scores=scores, visible=tuple(is_there.tolist()),
        )  # fmt: skip
        outputs['masks'] = masks
        if self.context.is_wanted('overlay', inputs.stream):
            from mm_perception.drawing import draw_masks

            outputs['overlay'] = Image(**header, data=draw_masks(rgb, masks))
        return outputs

    def answer(self, port: str, request: Sample) -> Sample:
        """Match texts with a whole picture, or make vectors of texts."""
        if not isinstance(request, MatchRequest | EmbedTextRequest):
            raise RequestError('unknown request', port, 'use match or embed_text')
        if not request.texts:
            raise RequestError('no texts', request.texts, 'give at least one')
        vectors = self._engine.whole_vectors(request.texts)
        if isinstance(request, EmbedTextRequest):
            return EmbedTextReply(
                stamp_ns=request.stamp_ns, vectors=vectors, model=self._engine.name
            )
        from mm_perception.nets.dino.labelling import softmax

        image = request.image or self._newest_of(request.stream)
        cosines = vectors @ self._engine.look(image.rgb()).whole
        return MatchReply(
            stamp_ns=image.stamp_ns, frame_id=image.frame_id,
            scores=softmax(self._engine.logit_scale * cosines).astype(np.float32),
            cosines=cosines.astype(np.float32),
        )  # fmt: skip

    def reconfigure(self, config: DinoSegmentConfig) -> None:
        """Take other texts."""
        super().reconfigure(config)
        self._vocabulary = None

    def rewind(self, stream: str) -> None:
        """The newest picture is of another run."""
        self._newest.pop(stream, None)

    def reset(self) -> None:
        """Forget the newest pictures."""
        self._newest.clear()

    def close(self) -> None:
        """Give the models back."""
        super().close()
        if self._clip is not None:
            self._clip.release()
        self._clip = self._vocabulary = None

    def _newest_of(self, stream: str) -> Image:
        if stream in self._newest:
            return self._newest[stream]
        if not stream and len(self._newest) == 1:
            return next(iter(self._newest.values()))
        known = ', '.join(self._newest) or 'none yet (nobody subscribes to an output?)'
        raise RequestError('no picture of that camera', stream, f'there are: {known}')

    def _known(self) -> Vocabulary:
        """Texts whose words the weights know; the others are reported once, and left out."""
        if self._vocabulary is None:
            from mm_perception.nets.dino.labelling import Vocabulary

            labels, background = self.config.labels, self.config.background
            strange = unknown_among(self._engine.clip, (*labels, *background))
            told = [text for text in labels if text not in strange]
            if not told:
                raise _stranger(*next(iter(strange.items())))
            texts = (*told, *(text for text in background if text not in strange))
            ids = tuple(1 + labels.index(text) for text in told)
            self._vocabulary = Vocabulary(tuple(told), ids, self._engine.patch_vectors(texts))
            for text, word in strange.items():
                self.context.report(_stranger(text, word))
        return self._vocabulary


def unknown_among(clip: ClipEngine, texts: Sequence[str]) -> dict[str, str]:
    """Texts that have a word which the weights do not know, with the word."""
    from mm_perception.nets.clip.likeness import unknown_words

    found = {text: unknown_words(clip, text) for text in texts}
    return {text: words[0] for text, words in found.items() if words}


def _stranger(text: str, word: str) -> PromptError:
    return PromptError(
        f'the weights of CLIP do not know a word of the label {text!r}', word,
        'use other words, or take public weights',
    )  # fmt: skip


PLUGIN = DinoSegment
