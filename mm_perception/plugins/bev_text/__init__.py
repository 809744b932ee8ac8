"""A map from above that can be asked in words: "traffic cones", "where can I drive".

Parts of pictures (masks where there are any, else patches) become CLIP embeddings; the points of a
LiDAR or of a depth picture carry them to cells of a grid that rolls along with the vehicle in a
frame that stands still. A text is compared with the cells, beside rival texts. What a map that is
connected knows better (where one may drive) is asked of the map.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mm_perception.config import parameter
from mm_perception.errors import MissingInputError, RequestError, ShapeError
from mm_perception.geometry.cameras import intrinsics, picture_size, project
from mm_perception.geometry.scans import points_at, points_of_depth
from mm_perception.history import LATE_TOLERANCE_NS
from mm_perception.model_plugin import ModelPlugin
from mm_perception.plugin import (
    Card,
    Context,
    Inputs,
    Latest,
    Output,
    Outputs,
    Port,
    PublicWeights,
    Queue,
    Reference,
    Request,
)
from mm_perception.plugins.bev_text.memory import CellMemory
from mm_perception.plugins.bev_text.question import Question
from mm_perception.plugins.bev_text.regions import regions_of
from mm_perception.plugins.bev_text.segments import segments_of
from mm_perception.samples import (
    BevGrid,
    CameraInfo,
    Image,
    Masks,
    PointCloud,
    PromptReply,
    Sample,
    Text,
)
from mm_perception.samples.sample import Array

if TYPE_CHECKING:
    from mm_perception.nets.clip import ClipEngine
    from mm_perception.nets.clip.engine import Picture, Vectors

_UNKNOWN = -1
_AT_ONCE = 32  # crops
_MOST_RAYS = 3000  # per picture, that tell what left
_KEPT_PICTURES = 8  # per camera, that masks may be late for


@dataclass(frozen=True)
class BevTextConfig:
    """Settings of the `bev_text` plugin."""

    weights: str = parameter(
        'nano', 'Of CLIP: nano, a hub id, a directory, open_clip:..., random.'
    )
    query: str = parameter('', 'Asked from the start; empty asks nothing.', live=True)
    background: tuple[str, ...] = parameter(
        ('a road', 'a pavement', 'grass', 'a building', 'a wall', 'a street', 'background'),
        'Captions that compete with what is asked for, beside other things.', live=True,
    )  # fmt: skip
    fixed_frame: str = parameter('odom', 'Frame of the answer; it stands still, z up.')
    base_frame: str = parameter('base_link', 'On the ground below the middle of the grid.')
    reach_m: float = parameter(
        25.0, 'From the middle of the grid to each side.', minimum=1.0, maximum=200.0
    )
    resolution_m: float = parameter(0.25, 'Side of a cell.', minimum=0.05, maximum=5.0)
    headroom_m: float = parameter(
        2.5, 'One passes below what is so high above the base frame.', minimum=0.0, live=True
    )
    min_height_m: float = parameter(
        0.2, 'Things that stand are at least so high, the ground is not.', minimum=0.0, live=True
    )
    segments: bool = parameter(
        True, 'Look at what stands apart in a scan, not only at masks and patches.', live=True
    )
    patches: tuple[float, ...] = parameter(
        (0.34, 0.17), 'Sides of patches, where nothing stands apart, in heights of the picture.',
        minimum=0.02, maximum=1.0, live=True,
    )  # fmt: skip
    smallest_px: int = parameter(60, 'Masks of fewer pixels count as none.', minimum=1, live=True)
    most_sights: int = parameter(10, 'A cell remembers about so many sights.', minimum=1)
    memory_s: float = parameter(
        30.0, 'A cell that nobody sees for so long is unknown again.', minimum=0.1, live=True
    )
    every_s: float = parameter(
        0.2, 'Seconds between two pictures of a camera that are looked at.', minimum=0.0, live=True
    )


class BevText(ModelPlugin[BevTextConfig, 'ClipEngine']):
    """Pictures and a scan in; where is what a text names, out."""

    card: ClassVar[Card] = Card(
        title='A map from above that answers texts, from CLIP and LiDAR or depth',
        system='',
        paper='Huang et al., Visual Language Maps for Robot Navigation, ICRA 2023, '
        'arXiv 2210.05714; Jatavallabhula et al., ConceptFusion, RSS 2023, arXiv 2302.07241; '
        'Kerr et al., LERF, ICCV 2023, arXiv 2303.09553',
        reference_code='none',
        weights=(
            PublicWeights('openai/clip-vit-base-patch32', 'MIT', 'transformers'),
            PublicWeights('open_clip:ViT-B-32/laion2b_s34b_b79k', 'MIT', 'open_clip'),
            PublicWeights('google/siglip2-base-patch16-224', 'Apache-2.0', 'transformers'),
        ),
        limits=(
            'Without masks a patch speaks for all points in it, also for those beside a thing.',
            'Weights nano know no words for ground and buildings: they refuse them without a map.',
            'Cells of things that moved fade with later sights; they are not tracked.',
            'A point that the LiDAR sees and the camera does not takes what hides it.',
        ),
    )
    Config: ClassVar[type[Any]] = BevTextConfig
    inputs: ClassVar[dict[str, Port]] = {
        'image': Reference(Image, 'Of any number of cameras.'),
        'camera_info': Latest(CameraInfo, 'Of each camera.', required=True, follows='image'),
        'masks': Latest(
            Masks, 'Instances in the pictures, from whatever finds some.', tolerance_s=1.0,
            follows='image',
        ),
        'cloud': Latest(PointCloud, 'A LiDAR; the scan nearest to the picture.', tolerance_s=0.25),
        'depth': Latest(
            Image, 'Depth in the frame and size of the pictures (REP-118).', tolerance_s=0.05,
            follows='image',
        ),
        'map': Latest(BevGrid, 'Answers what asks for one of its layers.'),
        'query': Queue(Text, 'The newest is asked from then on; an empty one asks nothing.'),
        'ask': Request(Text, 'A text to ask from then on.', reply_type=PromptReply),
    }  # fmt: skip
    outputs: ClassVar[dict[str, Output]] = {
        'answer': Output(
            BevGrid, 'Layer asked: per cent, -1 where nothing was seen.', per_stream=False
        ),
        'about': Output(
            Text, 'What the answer of that stamp answers, and from what.', per_stream=False
        ),
    }
    uses_transforms: ClassVar[bool] = True

    def __init__(self, config: BevTextConfig, context: Context | None = None) -> None:
        super().__init__(config, context)
        self._question = _question(config.query)
        self._map: BevGrid | None = None
        self._is_rewound = False
        self._looked_ns: dict[str, int] = {}
        self._pictures: dict[str, deque[Image]] = {}
        self.cells = self._new_cells()

    @classmethod
    def tiny(cls) -> BevTextConfig:
        """A network with random weights, few cells, and something to ask of all that is seen."""
        return BevTextConfig(
            weights='random', query='a car', reach_m=8.0, resolution_m=0.5, headroom_m=10.0
        )

    def load(self, device: str) -> None:
        """Load CLIP, or take the one that another node has loaded."""
        from mm_perception.nets.clip import shared_clip

        self._shared = shared_clip(self.config.weights, device)

    def infer(self, inputs: Inputs) -> Outputs:
        """Look at a picture, and answer what is asked.

        Raises:
            MissingInputError: Neither scan nor depth is near the picture, or it is of a camera
                without calibration.
            PromptError: The weights do not know a word of what is asked; the picture is looked at.
            ShapeError: Picture, masks, depth and calibration are not of one size.
            TransformUnavailableError: TF does not know the camera, the scan, or the map.
        """
        image = cast(Image, inputs.one('image'))
        for asked in inputs.all('query'):
            self._question = _question(cast(Text, asked).text)
        self._take_rewind(image.stamp_ns)
        self._map = cast('BevGrid | None', inputs.maybe('map'))
        pictures = self._pictures.setdefault(inputs.stream, deque(maxlen=_KEPT_PICTURES))
        pictures.append(image)
        seen, masks = _matching(pictures, cast('Masks | None', inputs.maybe('masks')))
        looked_ns = self._looked_ns.get(inputs.stream)
        if looked_ns is None or seen.stamp_ns - looked_ns >= max(self.config.every_s * 1e9, 1):
            self._look(inputs, seen, masks)
            self._looked_ns[inputs.stream] = seen.stamp_ns
        elif not inputs.all('query'):
            return {}
        return {} if self._question is None else self._answered(self._question, image.stamp_ns)

    def _look(self, inputs: Inputs, image: Image, masks: Masks | None) -> None:
        """Put what a picture shows into the cells."""
        info, config = cast(CameraInfo, inputs.one('camera_info')), self.config
        lookup, fixed = self.context.lookup_transform, config.fixed_frame
        _check_sizes(image, info, masks)
        points, sensor = self._points(inputs, image, info)
        pixels = project(info, points)
        with np.errstate(invalid='ignore'):
            inside = ((pixels >= -0.5) & (pixels < np.array(picture_size(info)) - 0.5)).all(1)
        fixed_from_camera = lookup(fixed, image.frame_id, image.stamp_ns)
        fixed_from_base = lookup(fixed, config.base_frame, image.stamp_ns)
        points = _moved(points[inside], fixed_from_camera)
        heights = _moved(points, np.linalg.inv(fixed_from_base))[:, 2]
        low = heights <= config.headroom_m
        rays = points[:: len(points) // _MOST_RAYS + 1]
        points, pixels = points[low], pixels[inside][low]
        segments = np.full(len(points), -1)
        if config.segments:
            segments = segments_of(points, config.min_height_m)
        regions = regions_of(
            image.rgb(), pixels, segments, masks, config.patches, config.smallest_px
        )
        vectors = self._embedded(regions.crops)
        self.cells.move(fixed_from_base[:2, 3])
        self.cells.forget(image.stamp_ns - round(config.memory_s * 1e9))
        self.cells.add(points, regions.carried, vectors, image.stamp_ns)
        origin = lookup(fixed, sensor.frame_id, sensor.stamp_ns)[:3, 3]
        self.cells.look_through(origin, rays, image.stamp_ns)

    def _embedded(self, crops: list[Picture]) -> Vectors:
        """(R, D) unit vectors; so many at once that memory stays small."""
        starts = range(0, max(len(crops), 1), _AT_ONCE)
        return np.concatenate(
            [self._engine.embed_images(crops[start : start + _AT_ONCE]) for start in starts]
        )

    def _points(
        self, inputs: Inputs, image: Image, info: CameraInfo
    ) -> tuple[Array, Image | PointCloud]:
        """(N, 3) metres in optical axes, of depth if there is any, else of the scan, and that."""
        lookup, fixed = self.context.lookup_transform, self.config.fixed_frame
        depth, cloud = inputs.maybe('depth'), inputs.maybe('cloud')
        if depth is not None:
            depth = cast(Image, depth)
            points = points_of_depth(depth, info, np.ones((image.height, image.width), np.bool_))
            # The picture may have waited for its masks while depth went on.
            fixed_from_depth = lookup(fixed, depth.frame_id, depth.stamp_ns)
            to_picture = lookup(image.frame_id, fixed, image.stamp_ns) @ fixed_from_depth
            return _moved(points, to_picture), depth
        if cloud is None:
            reason = 'there is no scan and no depth near the stamp of the picture'
            raise MissingInputError('cloud', reason, 'check the LiDAR, and the clocks of both')
        cloud = cast(PointCloud, cloud)
        return points_at(cloud, image.frame_id, image.stamp_ns, fixed, lookup), cloud

    def _answered(self, question: Question, stamp_ns: int) -> dict[str, Sample]:
        slots, seen, heights = self.cells.known()
        if self._map is not None and self._map.layer(question.layer) is not None:
            to_map = self.context.lookup_transform(
                self._map.frame_id, self.config.fixed_frame, self._map.stamp_ns
            )
            slots = self.cells.slots()  # the map may know what cameras have not seen
            places = _moved(self.cells.places(slots), to_map)
            values = self._map.lookup(question.layer, places[:, :2])
            source = f'layer {question.layer} of the map'
        elif len(slots):
            values = question.asked_of(
                self._engine, seen, heights, self.config.background, self.config.min_height_m
            )
            source = 'what cameras saw'
        else:
            values, source = np.zeros(0, np.int8), 'nothing seen yet'
        answer = BevGrid(
            stamp_ns=stamp_ns, frame_id=self.config.fixed_frame, layers=('asked',),
            cells=self.cells.grid(slots, values, _UNKNOWN)[None],
            resolution_m=self.cells.resolution_m, origin=(*self.cells.corner_m, 0.0, 0.0),
        )  # fmt: skip
        text = f'{question.text}: {np.count_nonzero(values >= 50)} cells, from {source}'
        about = Text(stamp_ns=stamp_ns, frame_id=self.config.fixed_frame, text=text, language='en')
        return {'answer': answer, 'about': about}

    def answer(self, port: str, request: Sample) -> Sample:
        """Ask a text from now on; the reply says what is known of it by now."""
        text = request.text if isinstance(request, Text) else ''
        question = _question(text)
        if question is None:
            raise RequestError('no text', text, 'give one, such as "traffic cones"')
        newest_ns = self.cells.newest_ns
        if newest_ns < 0:
            raise RequestError('nothing was seen yet', text, 'wait for a picture and a scan')
        about = cast(Text, self._answered(question, newest_ns)['about'])
        self._question = question
        return PromptReply(
            stamp_ns=newest_ns, frame_id=self.config.fixed_frame, message=about.text
        )

    def rewind(self, stream: str) -> None:
        """Forget what was seen once a picture shows that it is of another run."""
        self._is_rewound = True
        self._looked_ns.pop(stream, None)
        self._pictures.pop(stream, None)

    def reset(self) -> None:
        """Forget what was seen and asked."""
        self.cells = self._new_cells()
        self._question = _question(self.config.query)
        self._map, self._is_rewound = None, False
        self._looked_ns.clear()
        self._pictures.clear()

    def reconfigure(self, config: BevTextConfig) -> None:
        """Take live settings over; another query is asked at once."""
        if config.query != self.config.query:
            self._question = _question(config.query)
        self.config = config

    def _new_cells(self) -> CellMemory:
        config = self.config
        return CellMemory(config.reach_m, config.resolution_m, config.most_sights)

    def _take_rewind(self, stamp_ns: int) -> None:
        """All cameras are rewound one by one: only the first clears what the old run saw."""
        if self._is_rewound and self.cells.newest_ns - stamp_ns > LATE_TOLERANCE_NS:
            self.cells.clear()
            self._map = None
        self._is_rewound = False


def _question(text: str) -> Question | None:
    return Question.of(text) if text.strip() else None


def _matching(pictures: deque[Image], masks: Masks | None) -> tuple[Image, Masks | None]:
    """The picture that masks are of and they; without such a picture the newest one alone.

    Masks come later than their picture: it waits for them.
    """
    found = (p for p in pictures if masks is not None and p.stamp_ns == masks.stamp_ns)
    of_masks = next(found, None)
    return (pictures[-1], None) if of_masks is None else (of_masks, masks)


def _check_sizes(image: Image, info: CameraInfo, masks: Masks | None) -> None:
    wide, high = picture_size(info)
    intrinsics(info)  # refuses a camera that is not calibrated
    if (image.width, image.height) != (wide, high):
        raise ShapeError('Image', f'{wide}x{high}, as CameraInfo', f'{image.width}x{image.height}')
    if masks is not None and masks.id_map.shape != (high, wide):
        height, width = masks.id_map.shape
        raise ShapeError('Masks.id_map', f'{wide}x{high}, as the picture', f'{width}x{height}')


def _moved(points: Array, transform: Array) -> Array:
    return np.asarray(points @ transform[:3, :3].T + transform[:3, 3])


PLUGIN = BevText
