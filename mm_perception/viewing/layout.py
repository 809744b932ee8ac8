"""The first look: which views there are, where they stand, and what each shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rerun as rr
import rerun.blueprint as rrb

Path = Sequence[str]
#: What a synthetic world knows.
_TRUTH = 'ground_truth'
#: More pictures than this stand in a grid, not in a column.
_COLUMN = 2
#: The eye behind and above the robot, and where it looks, metres ahead, left and up of it.
_EYE, _LOOK = (-12.0, 0.0, 7.0), (10.0, 0.0, 0.0)


class Layout:
    """Collects what is drawn, and makes the blueprint of it."""

    def __init__(self) -> None:
        #: Grows whenever there is something new to show.
        self.version = 0
        #: Names by which prompts call a camera, by its entity.
        self.stream_of: dict[tuple[str, ...], set[str]] = {}
        #: Heads of topics that are shown apart: the truth, and bags with topics of equal names.
        self._apart: dict[str, None] = {_TRUTH: None}
        self._spaces: dict[str, tuple[str, ...]] = {}
        self._pictures: dict[tuple[str, ...], list[tuple[tuple[str, ...], str]]] = {}
        self._loose: dict[tuple[str, ...], None] = {}
        self._marks: dict[tuple[str, ...], None] = {}
        self._trails: dict[tuple[str, ...], None] = {}
        self._boxes: dict[tuple[str, ...], bool] = {}
        self._curves: dict[str, None] = {}
        self._has_words = False

    def add_apart(self, head: str) -> None:
        """What lies below this name is shown in views of its own."""
        self._add(self._apart, head, None)

    def add_space(self, root: str) -> None:
        """Something lies in space below this frame."""
        self._add(self._spaces, root, ())

    def add_robot(self, root: str, path: Path) -> None:
        """The first body that moves in a space is followed by the eye."""
        if not self._spaces.get(root):
            self._spaces[root] = tuple(path)
            self.version += 1

    def add_trail(self, path: Path) -> None:
        """All of its past is shown, not the newest piece only."""
        self._add(self._trails, tuple(path), None)

    def add_boxes(self, path: Path, *, is_tracked: bool) -> None:
        """Boxes in space; those before tracking are hidden where there are tracks."""
        if is_tracked and not self._boxes.get(tuple(path)):
            self._boxes[tuple(path)] = True
            self.version += 1
        self._add(self._boxes, tuple(path), is_tracked)

    def add_picture(self, camera: Path, path: Path, topic: str) -> None:
        """A picture of a camera."""
        shown = self._pictures.setdefault(tuple(camera), [])
        if (tuple(path), topic) not in shown:
            shown.append((tuple(path), topic))
            self.stream_of.setdefault(tuple(camera), set()).update(topic.split('/'))
            self.version += 1

    def add_mark(self, path: Path) -> None:
        """Something over the pictures of a camera."""
        self._add(self._marks, tuple(path), None)

    def add_loose(self, path: Path) -> None:
        """A picture that no camera took."""
        self._add(self._loose, tuple(path), None)

    def add_words(self) -> None:
        """There are lines in the log."""
        self.version += not self._has_words
        self._has_words = True

    def add_curve(self, group: str) -> None:
        """There are curves of a group."""
        self._add(self._curves, group, None)

    def _add(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        if key not in table:
            table[key] = value
            self.version += 1

    def blueprint(self, *, is_live: bool = False) -> rrb.Blueprint:
        """The views of all that was drawn so far."""
        wide = [tab for tab in (_tabs(self._space_views()), self._picture_views()) if tab]
        low = [tab for tab in (self._log_view(), _tabs(self._curve_views())) if tab]
        rows = [rrb.Horizontal(*row) for row in (wide, low) if row]
        shares = [2.4, 1.0][: len(rows)]
        return rrb.Blueprint(
            rrb.Vertical(*rows, row_shares=shares),
            rrb.TimePanel(timeline='stamp', state='collapsed', play_state='following')
            if is_live
            else rrb.TimePanel(timeline='stamp', state='collapsed'),
            rrb.BlueprintPanel(state='collapsed'),
            rrb.SelectionPanel(state='collapsed'),
            auto_views=False,
        )

    def _space_views(self) -> list[Any]:
        views = []
        for root, robot in self._spaces.items():
            hidden = self._hidden([root]) + self._hidden_boxes(root)
            past = rrb.VisibleTimeRanges(
                timeline='stamp',
                start=rrb.TimeRangeBoundary.infinite(),
                end=rrb.TimeRangeBoundary.cursor_relative(),
            )
            trails = {_text(path): [past] for path in self._trails if path[0] == root}
            eye = (
                rrb.EyeControls3D(tracking_entity=_text(robot), position=_EYE, look_target=_LOOK)
                if robot
                else None
            )
            views.append(
                rrb.Spatial3DView(
                    origin=_text([root]), contents=['+ $origin/**', '+ /tf/**', *hidden],
                    name=f'space: {root}', overrides=trails, eye_controls=eye,
                )
            )  # fmt: skip
        return views

    def _picture_views(self) -> Any:
        seen, apart = [], []
        for camera, pictures in self._pictures.items():
            for path, topic in pictures:
                others = [f'- {_text(other)}/**' for other, _ in pictures if other != path]
                hidden = self._hidden(camera)
                contents = ['+ $origin/**', *others, *hidden]
                seen.append(rrb.Spatial2DView(origin=_text(camera), contents=contents, name=topic))
                for head in self._marked_apart(camera) if hidden else []:
                    contents = [f'+ {_text(path)}/**', f'+ {_text([*camera, head])}/**']
                    name = f'{head}: {topic}'
                    apart.append(
                        rrb.Spatial2DView(origin=_text(camera), contents=contents, name=name)
                    )
        loose = [
            rrb.Spatial2DView(origin=_text(path), name='/'.join(path[1:]))
            for path in sorted(self._loose, key=lambda path: (_TRUTH in path, path[0] != 'maps'))
        ]
        stacked = rrb.Grid if len(seen) > _COLUMN else rrb.Vertical
        columns = [stacked(*seen)] if seen else []
        rest = _tabs([*loose, *apart])
        if rest is not None:
            columns.append(rest)
        return rrb.Vertical(*columns) if columns else None

    def _marked_apart(self, camera: Path) -> list[str]:
        """Heads of what is shown apart and lies over the pictures of a camera."""
        depth = len(camera)
        heads = {m[depth] for m in self._marks if m[:depth] == tuple(camera) and len(m) > depth}
        return [head for head in self._apart if head in heads]

    def _hidden(self, path: Path) -> list[str]:
        """Leaves out what is shown apart, unless there is nothing else to see."""
        depth = len(path)
        shown = self._boxes if depth == 1 else self._marks
        heads = [mark[depth : depth + 1] for mark in shown if mark[:depth] == tuple(path)]
        if not any(head and head[0] not in self._apart for head in heads):
            return []
        return [f'- {_text([*path, head])}/**' for head in self._apart]

    def _hidden_boxes(self, root: str) -> list[str]:
        own = {p: is_tracked for p, is_tracked in self._boxes.items() if p[0] == root}
        own = {p: is_tracked for p, is_tracked in own.items() if p[1] not in self._apart}
        hidden = [path for path, is_tracked in own.items() if not is_tracked]
        return [f'- {_text(path)}/**' for path in hidden] if any(own.values()) else []

    def _log_view(self) -> Any:
        if not self._has_words:
            return None
        columns = rrb.TextLogColumns(text_log_columns=['LogLevel', 'Body'])
        return rrb.TextLogView(origin='/log', name='what was said', columns=columns)

    def _curve_views(self) -> list[Any]:
        return [
            rrb.TimeSeriesView(origin=_text(['curves', group]), name=group)
            for group in self._curves
        ]


def _tabs(views: list[Any]) -> Any:
    if len(views) > 1:
        return rrb.Tabs(*views)
    return views[0] if views else None


def _text(path: Path) -> str:
    return '/' + '/'.join(rr.escape_entity_path_part(part) for part in path)
