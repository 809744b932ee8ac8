"""Name an object in free text, get its mask and its track: a grounder finds it, SAM 2 keeps it.

The grounder looks when a text is new and then every `redetect_every_s`, and a CLIP has to agree to
what it finds: so living tracks are confirmed, those that drifted are begun anew, hidden ones come
back under their old id, and newcomers are found. What was hidden for longer than that comes back
only near where it was lost, and when a search has found it there: SAM 2 alone easily takes what
stands where an object left the picture for the object.
Between that SAM 2 follows them all as one batch. Where nothing answers the text, the status says
NOT_FOUND and nothing is masked. A text with `max_frames` is searched for and followed in so many
pictures of each camera, from the first that decides whether it is there.

When time is set back, or a camera changes its resolution, tracks and memory are dropped; texts are
searched for again, and what was given by points, boxes or masks is reported REMOVED.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from mm_perception.config import parameter
from mm_perception.errors import ConfigError, PromptError
from mm_perception.model_cache import Shared
from mm_perception.plugin import Card, Context, PublicWeights
from mm_perception.plugins.text_tracker.camera import Camera, sure_ones
from mm_perception.plugins.text_tracker.track_book import Rules, TrackBook
from mm_perception.prompted_plugin import PromptedPlugin
from mm_perception.samples import Masks, PromptState
from mm_perception.segmenting import DTYPES, shared_engine

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine
    from mm_perception.nets.grounders import Found, Grounder
    from mm_perception.nets.sam2 import Sam2Result
    from mm_perception.samples.sample import Array


#: Of a text that is told to be absent, the best match seen is reported from here on.
_REPORTED_SCORE = 0.02


@dataclass(frozen=True)
class TextTrackerConfig:
    """Settings of the `text_tracker` plugin."""

    prompts: tuple[str, ...] = parameter((), 'Texts to track from the start.', live=True)
    grounder: str = parameter(
        'sam3', 'What finds texts: sam3, clip_proposals, grounding_dino or owlv2.'
    )
    grounder_weights: str = parameter('nano', 'Of the grounder; for clip_proposals those of CLIP.')
    segmenter_weights: str = parameter('nano', 'Of SAM 2.')
    verifier_weights: str = parameter(
        'nano', 'Of a CLIP that has to agree to what the grounder finds; empty: nobody has to.'
    )
    min_likeness: float = parameter(
        0.1, 'Least share that it gives the text among others with other colours and things.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    num_rivals: int = parameter(
        4,
        'Texts about other things that it chooses: the first track of a text does not begin where '
        'one of them is found more surely; 0: do not ask.',
        minimum=0, maximum=64, live=True,
    )  # fmt: skip
    image_size: int = parameter(
        0, 'Side of the input of SAM 2 in pixels, 0: as trained.', minimum=0
    )
    dtype: str = parameter('float32', 'Number format of SAM 2.', choices=DTYPES)
    background: tuple[str, ...] = parameter(
        ('background', 'a texture', 'a shadow', 'something else'),
        'Phrases that compete with the texts (clip_proposals).',
    )
    grid: int = parameter(
        16, 'Points per side for proposals (clip_proposals).', minimum=2, maximum=64
    )
    min_proposal_iou: float = parameter(
        0.7, 'Least IoU that SAM 2 predicts for a proposal (clip_proposals).',
        minimum=0.0, maximum=1.0,
    )  # fmt: skip
    min_proposal_stability: float = parameter(
        0.85, 'Least stability of a proposal against its threshold (clip_proposals).',
        minimum=0.0, maximum=1.0,
    )  # fmt: skip
    segment_from: str = parameter(
        'box', 'What SAM 2 begins a track from, where the grounder gives both.',
        choices=('box', 'mask'),
    )  # fmt: skip
    redetect_every_s: float = parameter(
        0.3, 'Seconds between two searches for known texts.', minimum=0.0, live=True
    )
    birth_score: float = parameter(
        0.3, 'A new track needs at least this; public weights: 0.4.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    keep_score: float = parameter(
        0.15, 'A living track is confirmed from this on; public weights: 0.25.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    relative_score: float = parameter(
        0.5, 'What is less sure than this share of the surest answer to its text is left out.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    match_iou: float = parameter(
        0.3, 'Overlap by which a detection is a track.', minimum=0.01, maximum=1.0, live=True
    )
    confirm_births: bool = parameter(
        True, 'A new track has to be found by two searches in a row.', live=True
    )
    confirm_returns: bool = parameter(
        True,
        'A track hidden for longer than redetect_every_s is shown when a search has found it.',
        live=True,
    )
    renew_iou: float = parameter(
        0.8, 'A track that overlaps its detection by less has drifted: begin it anew; 0: never.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    max_misses: int = parameter(
        2, 'Searches in a row that may miss a visible track.', minimum=0, live=True
    )
    death_after_s: float = parameter(
        5.0, 'A hidden track is given up after so many seconds.', minimum=0.0, live=True
    )
    max_prompt_age_s: float = parameter(
        2.0, 'Reject coordinates stamped further than this from the picture, in seconds.',
        minimum=0.0, live=True,
    )  # fmt: skip
    max_tracks: int = parameter(16, 'Most tracks per camera.', minimum=1, maximum=256)
    min_visible: float = parameter(
        0.5, 'A track is visible if its probability is at least this.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip
    min_iou: float = parameter(
        0.2, 'A track is not visible if the network expects a lower IoU of its own mask.',
        minimum=0.0, maximum=1.0, live=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse texts without words, and thresholds that contradict each other."""
        if self.keep_score > self.birth_score:
            expected = f'at most birth_score ({self.birth_score})'
            raise ConfigError('keep_score', self.keep_score, expected)
        for text in self.prompts:
            if not text.strip():
                raise ConfigError('prompts', text, 'a text with words in it')

    def rules(self) -> Rules:
        """The thresholds of the track book."""
        return Rules(
            self.birth_score, self.match_iou, self.max_tracks, self.max_misses,
            self.death_after_s, self.renew_iou, self.confirm_births,
            self.redetect_every_s if self.confirm_returns else inf,
        )  # fmt: skip


class TextTracker(PromptedPlugin[TextTrackerConfig, Camera]):
    """Free text in; masks, tracks and an honest "not found" out."""

    card: ClassVar[Card] = Card(
        title='Finds what a text names and tracks its mask',
        system='A',
        paper='Ravi et al., SAM 2, 2024, arXiv 2408.00714; Radford et al., CLIP, 2021, '
        'arXiv 2103.00020; proposals as in Kirillov et al., Segment Anything, arXiv 2304.02643',
        reference_code='facebookresearch/sam2 (PyPI sam2 1.1.0); transformers CLIPModel',
        weights=(
            PublicWeights('facebook/sam2.1-hiera-tiny', 'Apache-2.0', 'segmenter'),
            PublicWeights('openai/clip-vit-base-patch32', 'MIT', 'grounder clip_proposals'),
            PublicWeights('IDEA-Research/grounding-dino-tiny', 'Apache-2.0', 'grounding_dino'),
            PublicWeights('google/owlv2-base-patch16-ensemble', 'Apache-2.0', 'owlv2'),
            PublicWeights('facebook/sam3', 'SAM License, gated', 'sam3'),
        ),
        limits=(
            'With clip_proposals a search decodes grid x grid points: seconds on a CPU.',
            'Texts with relations ("left of the door") are only as good as the grounder.',
            'Removing one track of a text does not stop the search: remove the text for that.',
        ),
    )
    Config: ClassVar[type[Any]] = TextTrackerConfig

    def __init__(self, config: TextTrackerConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._grounder: Grounder | None = None
        self._verifier: Shared[ClipEngine] | None = None

    @classmethod
    def tiny(cls) -> TextTrackerConfig:
        """Networks with random weights for tests."""
        return TextTrackerConfig(
            prompts=('a thing',), grounder='clip_proposals', grounder_weights='random',
            segmenter_weights='random', verifier_weights='', grid=4, min_proposal_iou=0.5,
            min_proposal_stability=0.5, min_iou=0.0,
        )  # fmt: skip

    def load(self, device: str) -> None:
        """Load segmenter and grounder."""
        from mm_perception.nets.clip import shared_clip
        from mm_perception.nets.grounders import load_grounder
        from mm_perception.nets.grounders.grounder import GrounderSettings

        config = self.config
        weights, size, dtype = config.segmenter_weights, config.image_size, config.dtype
        self._shared = shared_engine(weights, device, size, dtype)
        self._grounder = load_grounder(
            config.grounder,
            GrounderSettings(
                weights=config.grounder_weights, device=device, segmenter_weights=weights,
                image_size=size, dtype=dtype, background=config.background, grid=config.grid,
                min_iou=config.min_proposal_iou, min_stability=config.min_proposal_stability,
            ),
        )  # fmt: skip
        if config.verifier_weights:
            self._verifier = shared_clip(config.verifier_weights, device)

    def model_info(self) -> dict[str, str]:
        """Weights, their hashes and licence."""
        if self._shared is None or self._grounder is None:
            return {}
        info = {
            'weights': self.config.segmenter_weights, 'weights_sha256': self._engine.sha256,
            'licence': self._engine.licence, 'image_size': str(self._engine.image_size),
            'grounder': self.config.grounder,
        }  # fmt: skip
        info['grounder_weights'] = self.config.grounder_weights
        info['grounder_sha256'] = self._grounder.weights_sha256
        if self._verifier is not None:
            info['verifier_weights'] = self.config.verifier_weights
            info['verifier_sha256'] = self._verifier.model.sha256
        return info

    def _observe(self, camera: Camera, masks: Masks) -> Collection[int]:
        return camera.observe(masks, self.config.rules())

    def reconfigure(self, config: TextTrackerConfig) -> None:
        """New texts are searched for at once; texts that are gone lose their tracks."""
        before = self.config.prompts
        super().reconfigure(config)
        for camera in self._cameras.values():
            for text in [t for t in before if t not in config.prompts and t in camera.texts]:
                prompt_id = camera.texts[text].prompt_id
                gone = camera.unwant(text)
                self._desk.tell(prompt_id, camera.name, PromptState.REMOVED, gone)
            for text in [t for t in config.prompts if t not in before]:
                camera.want(text)

    def close(self) -> None:
        """Give the models back."""
        if self._grounder is not None:
            self._grounder.close()
        super().close()
        if self._verifier is not None:
            self._verifier.release()
        self._grounder = self._verifier = None

    def _new_camera(self, name: str) -> Camera:
        engine = self._engine
        session = engine.open_session(max_objects=self.config.max_tracks)
        camera = Camera(
            name, engine, session, TrackBook(self._next_id), self._desk,
            uses_masks=self.config.segment_from == 'mask',
        )  # fmt: skip
        for text in self.config.prompts:
            camera.want(text)
        return camera

    def _step(self, camera: Camera, rgb: Array, stamp_ns: int) -> Sam2Result:
        """Prompts, search, and one step of the session."""
        camera.end_scopes()
        mark = self._desk.mark()
        prompts = self._desk.take(camera.name)
        try:
            steps = camera.apply(
                prompts, stamp_ns, self.config.max_prompt_age_s, self.config.max_tracks
            )
            if camera.is_search_due(stamp_ns, self.config.redetect_every_s):
                # What the user drew in this very picture comes before what was detected.
                steps = {**self._search(camera, rgb, stamp_ns), **steps}
            living = [step for i, step in steps.items() if i in camera.book.tracks]
            result = camera.session.step(rgb, living, camera.removed_ids())
            camera.renewed.clear()
            return result
        except Exception as error:
            camera.undo_births()
            self._desk.fail(mark, prompts, camera.name, str(error))
            raise

    def _search(self, camera: Camera, rgb: Array, stamp_ns: int) -> dict[int, Any]:
        if self._grounder is None:
            raise PromptError('the grounder is not loaded', camera.name, 'configure the node')
        texts, keep_score = list(camera.texts), self.config.keep_score
        seen = self._grounder.ground(rgb, texts, keep_score)
        camera.note_best(seen, texts)
        # What is too unsure costs half as much again, so it is looked at once, when it is told.
        lost = [text for text in texts if camera.is_about_to_be_missed(text)]
        if lost and keep_score > _REPORTED_SCORE:
            camera.note_best(self._grounder.ground(rgb, lost, _REPORTED_SCORE), lost)
        found = self._verified(rgb, texts, seen)
        found = sure_ones(found, self.config.relative_score)
        found = self._unbeaten(camera, rgb, texts, found)
        return camera.learn(found, texts, stamp_ns, self.config.rules())

    def _verified(self, rgb: Array, texts: Sequence[str], found: list[Found]) -> list[Found]:
        """What the verifier agrees to; of boxes that are nearly the same it sees the surest."""
        if self._verifier is None or not found:
            return found
        from mm_perception.nets.clip.likeness import likeness
        from mm_perception.nets.grounders import without_twins

        found = without_twins(found)
        boxes, said = [f.box for f in found], [texts[f.text_index] for f in found]
        shares = likeness(self._verifier.model, rgb, boxes, said)
        least = self.config.min_likeness
        return [f for f, share in zip(found, shares, strict=True) if share >= least]

    def _unbeaten(
        self, camera: Camera, rgb: Array, texts: Sequence[str], found: list[Found]
    ) -> list[Found]:
        """Without what would be the first to answer a text although it is rather something else.

        Once the text has a track it is there, and what else answers it is the likelier.
        """
        if self._verifier is None or self._grounder is None or not self.config.num_rivals:
            return found
        from mm_perception.plugins.text_tracker.rivals import beaten

        new = [f for f in found if camera.would_be_first(f, texts, self.config.rules())]
        if not new:
            return found
        clip, count = self._verifier.model, self.config.num_rivals
        lost = beaten(self._grounder, clip, rgb, texts, new, count)
        gone = {id(f) for f, is_lost in zip(new, lost, strict=True) if is_lost}
        return [f for f in found if id(f) not in gone]


PLUGIN = TextTracker
