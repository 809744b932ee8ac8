"""The reference video predictor of the `sam2` package, made to follow a script of live prompts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.nets.sam2.weights import randomise

#: The real data lies beside the project, or where $MMP_DATA says.
DATA = Path(os.environ.get('MMP_DATA', Path(__file__).parents[3] / 'shared' / 'data'))
BEDROOM = DATA / 'real' / 'bedroom' / 'bedroom.mcap'


@dataclass(frozen=True)
class Event:
    """What the user does on one frame."""

    prompts: tuple[ObjectPrompt, ...] = ()
    remove: tuple[int, ...] = ()


@dataclass
class Comparison:
    """Differences between two runs, over all frames and objects."""

    iou: list[float] = field(default_factory=list)
    max_abs: list[float] = field(default_factory=list)
    share: list[float] = field(default_factory=list)  # of pixels that are object

    def summary(self) -> dict[str, float]:
        return {
            'masks': len(self.iou),
            'iou_min': min(self.iou),
            'logit_max_abs_diff': max(self.max_abs),
            'mask_share_min': min(self.share),
            'mask_share_max': max(self.share),
        }


def build_reference(image_size: int, *, seed: int, refined_is_cond: bool = True, size: str = 't'):
    """A SAM2VideoPredictor with random weights whose masks are neither empty nor full."""
    from sam2.build_sam import build_sam2_video_predictor

    cells = image_size // 16
    overrides = [
        f'++model.image_size={image_size}',
        f'++model.memory_attention.layer.self_attention.feat_sizes=[{cells},{cells}]',
        f'++model.memory_attention.layer.cross_attention.feat_sizes=[{cells},{cells}]',
        '++model.fill_hole_area=0',  # needs the CUDA extension; skipped without it
        f'++model.add_all_frames_to_correct_as_cond={str(refined_is_cond).lower()}',
    ]
    predictor = build_sam2_video_predictor(
        f'configs/sam2.1/sam2.1_hiera_{size}.yaml',
        None,
        device='cpu',
        hydra_overrides_extra=[
            '++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true',
            '++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05',
            '++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98',
            '++model.binarize_mask_from_pts_for_mem_enc=true',
            *overrides,
        ],
        apply_postprocessing=False,
    )
    randomise(predictor, seed)
    decoder = predictor.sam_mask_decoder
    with torch.no_grad():
        decoder.pred_obj_score_head.layers[2].bias.fill_(4.0)
        for head in decoder.output_hypernetworks_mlps:
            head.layers[2].weight.mul_(4.0)
    return predictor


def balance(predictor, folder: str) -> None:
    """Remove from the mask heads what they see on average: masks neither empty nor full.

    A mask logit is the product of a head's output with the features of a pixel. Features come out
    of a GELU and so share a mean; with random heads the mean decides the sign of the whole mask.
    """
    decoder = predictor.sam_mask_decoder
    seen = []
    hook = decoder.output_upscaling[4].register_forward_hook(
        lambda _module, _inputs, features: seen.append(features.mean(dim=(0, 2, 3)))
    )
    state = predictor.init_state(folder)
    height, width = state['video_height'], state['video_width']
    predictor.add_new_points_or_box(state, 0, 1, points=[(width / 2, height / 2)], labels=[1])
    for _ in predictor.propagate_in_video(state, max_frame_num_to_track=3):
        pass
    hook.remove()
    mean = torch.stack(seen[1:]).mean(dim=0)
    mean = mean / mean.norm()
    with torch.no_grad():
        for head in decoder.output_hypernetworks_mlps:
            last = head.layers[2]
            last.weight.sub_(mean[:, None] * (mean @ last.weight))
            last.bias.sub_(mean * (mean @ last.bias))


def save_checkpoint(predictor, path: Path) -> str:
    torch.save({'model': predictor.state_dict()}, path)
    return str(path)


def write_frames(frames: Sequence[np.ndarray], folder: Path) -> str:
    """Losslessly, under the only file names the reference accepts; Pillow goes by content."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f'{index:05d}.jpg', format='PNG', compress_level=1)
    return str(folder)


def bedroom_frames(count: int) -> list[np.ndarray]:
    """The first `count` pictures of the bedroom clip, (H, W, 3) uint8 RGB."""
    import io

    from rosbags.highlevel import AnyReader

    frames = []
    with AnyReader([BEDROOM.parent]) as reader:
        for connection, _, raw in reader.messages():
            if connection.msgtype == 'sensor_msgs/msg/CompressedImage' and len(frames) < count:
                message = reader.deserialize(raw, connection.msgtype)
                frames.append(
                    np.array(Image.open(io.BytesIO(message.data.tobytes())).convert('RGB'))
                )
    return frames


def run_reference(
    predictor, folder: str, script: dict[int, Event]
) -> list[dict[int, torch.Tensor]]:
    """For each frame, logits (H, W) per object.

    Frames with events are first tracked, then prompted, and never visited again, as on a live
    stream. The predictor would otherwise overwrite a corrected frame when it propagates over it.
    """
    state = predictor.init_state(folder, async_loading_frames=False)
    results: list[dict[int, torch.Tensor]] = [{} for _ in range(state['num_frames'])]
    starts = [*sorted({0, *script}), state['num_frames']]
    for begin, end in pairwise(starts):
        event = script.get(begin, Event())
        for object_id in event.remove:
            predictor.remove_object(state, object_id, need_output=False)
        _propagate(predictor, state, begin, begin, results)
        for prompt in event.prompts:
            ids, logits = _prompt(predictor, state, begin, prompt)
            results[begin][prompt.object_id] = logits[ids.index(prompt.object_id), 0]
        _propagate(predictor, state, begin + 1, end - 1, results)
    return results


def _propagate(predictor, state, first: int, last: int, results) -> None:
    if first > last or not state['obj_ids']:
        return
    steps = predictor.propagate_in_video(state, first, max_frame_num_to_track=last - first)
    for frame, ids, logits in steps:
        results[frame] = {i: logits[row, 0].clone() for row, i in enumerate(ids)}


def _prompt(predictor, state, frame: int, prompt: ObjectPrompt):
    if prompt.mask is not None:
        _, ids, logits = predictor.add_new_mask(state, frame, prompt.object_id, prompt.mask)
        return ids, logits
    points = None if prompt.points is None else np.asarray(prompt.points, np.float32)
    labels = prompt.labels
    if points is not None and labels is None:
        labels = np.ones(len(points), np.int32)
    _, ids, logits = predictor.add_new_points_or_box(
        state, frame, prompt.object_id, points=points, labels=labels, box=prompt.box
    )
    return ids, logits


def run_ours(engine: Sam2Engine, frames, script, **options) -> list[dict[int, torch.Tensor]]:
    session = engine.open_session(**options)
    results = []
    for index, frame in enumerate(frames):
        event = script.get(index, Event())
        result = session.step(frame, event.prompts, event.remove)
        results.append(dict(zip(result.object_ids.tolist(), result.full_logits(), strict=True)))
    return results


def compare(ours, theirs) -> Comparison:
    comparison = Comparison()
    for mine, other in zip(ours, theirs, strict=True):
        assert sorted(mine) == sorted(other)
        for object_id, logits in mine.items():
            a, b = logits > 0, other[object_id] > 0
            union = (a | b).sum().item()
            comparison.iou.append((a & b).sum().item() / union if union else 1.0)
            comparison.max_abs.append((logits - other[object_id]).abs().max().item())
            comparison.share.append(b.float().mean().item())
    return comparison
