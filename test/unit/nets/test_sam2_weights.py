"""Loading SAM 2 weights: hub layout, Meta's files, random; and what is said when it fails."""

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from mm_perception.errors import ConfigError, DeviceError, WeightsError
from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine
from mm_perception.nets.sam2.meta_checkpoint import convert, detect_config
from mm_perception.nets.sam2.preprocess import to_pixel_values

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def logits(engine: Sam2Engine) -> torch.Tensor:
    session = engine.open_session()
    session.step(IMAGE, [ObjectPrompt(1, points=[(20, 20)])])
    return session.step(IMAGE[::-1].copy()).mask_logits


def test_hub_layout_reloads_identically(tmp_path):
    engine = Sam2Engine.load('random')
    engine.model.save_pretrained(tmp_path)
    again = Sam2Engine.load(str(tmp_path))
    assert torch.equal(logits(engine), logits(again))
    file_hash = hashlib.sha256((tmp_path / 'model.safetensors').read_bytes()).hexdigest()
    assert again.sha256 == file_hash
    assert 'Apache-2.0' in again.licence
    assert Sam2Engine.load(str(tmp_path), image_size=64).image_size == 64


def test_random_is_the_same_every_time_and_its_masks_have_two_sides():
    first, second = Sam2Engine.load('random'), Sam2Engine.load('random')
    assert first.sha256 == second.sha256
    assert torch.equal(logits(first), logits(second))
    assert 0.01 < (logits(first) > 0).float().mean() < 0.99


def test_missing_model_says_how_to_fetch_it():
    with pytest.raises(WeightsError, match='run: mmp fetch facebook/sam2-does-not-exist'):
        Sam2Engine.load('facebook/sam2-does-not-exist')
    with pytest.raises(WeightsError, match='mmp fetch'):
        Sam2Engine.load('no such: name')


def test_directory_of_another_model_is_refused(tmp_path):
    engine = Sam2Engine.load('random')
    state = engine.model.state_dict()
    kept = {key: value for key, value in state.items() if 'memory_encoder' not in key}
    engine.model.save_pretrained(tmp_path, state_dict=kept)
    with pytest.raises(WeightsError, match='memory_encoder'):
        Sam2Engine.load(str(tmp_path))
    (tmp_path / 'config.json').write_text('{')
    with pytest.raises(WeightsError, match='cannot be loaded'):
        Sam2Engine.load(str(tmp_path))


@pytest.mark.parametrize('content', [b'', b'nonsense', b'PK\x03\x04 cut'])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / 'model.pt'
    path.write_bytes(content)
    with pytest.raises(WeightsError, match='cannot be read'):
        Sam2Engine.load(str(path))


class _Payload:
    def __reduce__(self):
        return print, ('this must not run',)


def test_checkpoint_with_code_is_refused(tmp_path, capsys):
    path = tmp_path / 'model.pt'
    torch.save({'model': _Payload()}, path)
    with pytest.raises(WeightsError, match='cannot be read'):
        Sam2Engine.load(str(path))
    assert 'must not run' not in capsys.readouterr().out


def test_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / 'model.pt'
    torch.save({'weights': {}}, path)
    with pytest.raises(WeightsError, match="'model'"):
        Sam2Engine.load(str(path))
    torch.save({'model': {'image_encoder.trunk.patch_embed.proj.weight': torch.zeros(5, 3)}}, path)
    with pytest.raises(WeightsError, match='width 5 with 0 blocks'):
        Sam2Engine.load(str(path))
    with pytest.raises(WeightsError, match='no such file'):
        Sam2Engine.load(str(tmp_path / 'other.pt'))


def test_missing_and_unknown_keys_are_listed(tmp_path):
    sam2 = pytest.importorskip('test.parity.reference')
    pytest.importorskip('sam2', reason='the reference package sam2 is not installed')
    state = sam2.build_reference(64, seed=0).state_dict()
    path = tmp_path / 'model.pt'
    state['surplus.weight'] = torch.zeros(1)
    del state['no_mem_embed']
    torch.save({'model': state}, path)
    with pytest.raises(
        WeightsError, match=r'lacks no_memory_embedding; has unknown surplus.weight'
    ):
        Sam2Engine.load(str(path))


@pytest.mark.slow
@pytest.mark.parametrize('version', ['sam2', 'sam2.1'])
@pytest.mark.parametrize('size', ['t', 's', 'b+', 'l'])
def test_every_public_size_is_detected_and_every_key_has_a_place(version, size):
    build = pytest.importorskip('sam2.build_sam', reason='sam2 is not installed')
    from transformers import Sam2VideoModel

    config_file = f'configs/{version}/{version}_hiera_{size}.yaml'
    state = build.build_sam2_video_predictor(config_file, None, device='cpu').state_dict()
    config = detect_config('a file', state, 1024)
    with torch.device('meta'):
        expected = Sam2VideoModel(config).state_dict()
    converted = convert(state)
    assert {k: v.shape for k, v in converted.items()} == {k: v.shape for k, v in expected.items()}


def test_unknown_random_size_image_size_and_device_are_refused():
    with pytest.raises(ConfigError, match='random:huge'):
        Sam2Engine.load('random:huge')
    with pytest.raises(ConfigError, match='100'):
        Sam2Engine.load('random', image_size=100)
    with pytest.raises(DeviceError, match='toaster'):
        Sam2Engine.load('random', 'toaster')


def test_convention_pixels_are_resized_and_normalised_like_the_reference_loader(tmp_path):
    misc = pytest.importorskip('sam2.utils.misc', reason='sam2 is not installed')
    Image.fromarray(IMAGE).save(tmp_path / '0.jpg', format='PNG')
    frames, height, width = misc.load_video_frames(
        str(tmp_path), 96, offload_video_to_cpu=True, compute_device=torch.device('cpu')
    )
    assert (height, width) == (40, 60)
    assert torch.equal(to_pixel_values(IMAGE, 96), frames)
    black = to_pixel_values(np.zeros((8, 8, 3), np.uint8), 32)
    assert black[0, :, 0, 0].tolist() == pytest.approx([-2.1179, -2.0357, -1.8044], abs=1e-4)


def test_no_network_and_no_ros_is_needed_to_import():
    code = 'import sys, mm_perception.nets.sam2; print([m for m in sys.modules if "rclpy" in m])'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r'\[\]\s*', done.stdout)
