"""Search hits for people: a sheet of small pictures, or a page."""

from __future__ import annotations

import base64
import html
from pathlib import Path

import cv2
import numpy as np

from mm_perception.imaging.compressed import decode_picture
from mm_perception.samples import SearchHit, SearchReply
from mm_perception.samples.sample import Array

_SIDE, _TEXT_PX, _COLUMNS = 240, 40, 4
_GROUND, _INK = 24, (235, 235, 235)
_STYLE = (
    'body{font-family:sans-serif;background:#181818;color:#eee}'
    'figure{display:inline-block;margin:8px;vertical-align:top;max-width:260px}'
)


def write_hits(reply: SearchReply, path: Path) -> None:
    """Write the pictures of a reply, best first.

    Args:
        reply: With at least one hit.
        path: `.html` for a page that needs nothing else, otherwise a PNG.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.html':
        path.write_text(_page(reply))
        return
    tiles = [_tile(hit) for hit in reply.hits]
    columns = min(_COLUMNS, len(tiles))
    tiles += [np.full_like(tiles[0], _GROUND)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def _tile(hit: SearchHit) -> Array:
    """(280, 240, 3) uint8 RGB."""
    tile = np.full((_SIDE + _TEXT_PX, _SIDE, 3), _GROUND, np.uint8)
    picture = decode_picture(hit.jpeg)
    scale = _SIDE / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    small = np.asarray(cv2.resize(picture, size))
    tile[: small.shape[0], : small.shape[1]] = small
    for line, words in enumerate(_lines(hit)):
        at = (4, _SIDE + 16 + 17 * line)
        cv2.putText(tile, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
    return tile


def _lines(hit: SearchHit) -> tuple[str, str]:
    place = ' '.join(part for part in (hit.bag, hit.stream or hit.topic) if part)
    what = f' {hit.label} #{hit.track_id}' if hit.track_id else ''
    seconds = (hit.end_ns - hit.start_ns) / 1e9
    return f'{hit.score:.3f}{what} {place}', f'{hit.start_ns / 1e9:.2f} s, for {seconds:.1f} s'


def _page(reply: SearchReply) -> str:
    figures = []
    for hit in reply.hits:
        data = base64.b64encode(hit.jpeg.tobytes()).decode()
        words = '<br>'.join(html.escape(line) for line in _lines(hit))
        figures.append(
            f'<figure><img src="data:image/jpeg;base64,{data}" alt="">'
            f'<figcaption>{words}</figcaption></figure>'
        )
    title = html.escape(reply.message)
    return (
        f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1>{"".join(figures)}'
    )
