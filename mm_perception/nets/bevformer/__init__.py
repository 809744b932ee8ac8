"""BEVFormer (arXiv 2203.17270) in torch alone, for any rig of cameras."""

from mm_perception.nets.bevformer.boxes import BevBoxes
from mm_perception.nets.bevformer.configs import CONFIGS, BevFormerConfig
from mm_perception.nets.bevformer.ego_motion import EgoMotion, can_bus_vector
from mm_perception.nets.bevformer.engine import BevFormerEngine, BevResult, BevState
from mm_perception.nets.bevformer.model import BevFormer, BevOutput
from mm_perception.nets.bevformer.pillars import Clouds
from mm_perception.nets.bevformer.preprocess import Preprocessor, projection, to_pixels
from mm_perception.nets.bevformer.undistort import Lens

__all__ = [
    'CONFIGS',
    'BevBoxes',
    'BevFormer',
    'BevFormerConfig',
    'BevFormerEngine',
    'BevOutput',
    'BevResult',
    'BevState',
    'Clouds',
    'EgoMotion',
    'Lens',
    'Preprocessor',
    'can_bus_vector',
    'projection',
    'to_pixels',
]
