"""The page of the 26 systems: which are there and which are not."""

from __future__ import annotations

from mm_perception import registry
from mmp_docs.markup import blocks, escape, table

#: Number and name of every system that this project sets out to build.
SYSTEMS = {
    '1': 'Image-text matching (CLIP)',
    '2': 'Visual question answering (ViLT)',
    '3': 'Text to image (DALL-E)',
    '4': 'Multimodal sentiment (MISA)',
    '5': 'Driving perception from above (BEVFormer)',
    '6': 'Lip reading (LipNet)',
    '7': 'Radiology report',
    '8': 'Video captioning (S2VT)',
    '9': 'Visual dialog (VisDial)',
    '10': 'Recommendation (MMGCN)',
    '11': 'Face recognition and emotion',
    '12': 'Human pose and action',
    'A': 'Video-text retrieval, segmentation and tracking (SAM 2 and CLIP)',
    'B': 'Text-driven editing (StyleCLIP)',
    '1-1': 'Image-text retrieval and semantic segmentation (DINOv2)',
    '1-2': 'Video content retrieval (DINOv2)',
    '1-3': 'Medical image diagnosis assistance (DINOv2)',
    '1-4': 'Generation-assisted annotation (DINOv2)',
    '2-1': 'Segmentation by voice and text (SAM)',
    '2-2': 'Segmentation and manipulation in VR (SAM)',
    '2-3': 'Surveillance (SAM)',
    '2-4': 'Advertisement and personalisation (SAM)',
    '3-1': 'Video segmentation and tracking (SAM 2)',
    '3-2': 'Smart home (SAM 2)',
    '3-3': 'Multimodal video summary (SAM 2)',
    '3-4': 'AR interaction (SAM 2)',
}


def page() -> str:
    """One row per system, with its plugins or "not there yet"; then the stages they share."""
    owners: dict[str, list[str]] = {number: [] for number in ('', *SYSTEMS)}
    for name in registry.names():
        owners[registry.load(name).card.system].append(name)
    there = sum(bool(owners[number]) for number in SYSTEMS)
    return blocks(
        '# Systems',
        f'The project sets out to build {len(SYSTEMS)} systems. {there} are there, as plugins; '
        f'{len(SYSTEMS) - there} are not. "There" means that the plugin runs, is tested, and says '
        'its limits: how good it is stands on its page under *Measured*.',
        table(
            ('', 'system', 'plugins'),
            (
                (number, escape(name), _links(owners[number]) or '*not there yet*')
                for number, name in SYSTEMS.items()
            ),
        ),
        '## Shared stages',
        table(
            ('plugin', 'what it does'),
            ((_links([n]), escape(registry.load(n).card.title)) for n in owners['']),
        ),
        '```{toctree}\n:hidden:\n:glob:\n\nplugins/*\n```',
    )


def _links(names: list[str]) -> str:
    return ', '.join(f'[{name}](plugins/{name}.md)' for name in names)
