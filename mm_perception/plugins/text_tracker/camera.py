"""One camera of the text tracker: its session, its tracks, and the texts that it searches for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mm_perception.errors import PromptError, ShapeError
from mm_perception.plugins.text_tracker.track_book import (
    Decisions,
    Rules,
    Sighting,
    Track,
    TrackBook,
    as_box,
)
from mm_perception.prompt_desk import PromptDesk, Scope, by_owner, check_age, refuse_geometry
from mm_perception.samples import Masks, Prompt, PromptAction, PromptState
from mm_perception.segmenting import check_object_prompt, to_object_prompt

if TYPE_CHECKING:
    from mm_perception.nets.grounders import Found
    from mm_perception.nets.sam2 import ObjectPrompt, Sam2Engine, Sam2Session


@dataclass
class Text:
    """A text that is searched for.

    Attributes:
        prompt_id: Of the prompt that asked for it, or the text itself.
        told: State and tracks that were reported last; None before the first search.
        others: Tracks of other texts or of geometry that were found to answer it too.
        best: Score of the best match that the last search saw, accepted or not.
        scope: For how many pictures it is searched for and followed, from the first decided one.
    """

    prompt_id: str
    told: tuple[PromptState, tuple[int, ...]] | None = None
    others: tuple[int, ...] = ()
    best: float = 0.0
    scope: Scope = field(default_factory=Scope)

    @property
    def is_told_absent(self) -> bool:
        """Whether NOT_FOUND is what was reported last."""
        return self.told is not None and self.told[0] is PromptState.NOT_FOUND


@dataclass
class Camera:
    """State of one camera.

    Attributes:
        name: Stream name.
        engine: SAM 2.
        session: Of this camera.
        book: Living tracks; every one of them is an object of the session after a step.
        desk: Where what became of prompts is told.
        uses_masks: The session begins tracks from masks of the grounder, where it gives some, and
            not from its boxes.
        texts: What is searched for.
        last_search_ns: Stamp of the newest picture that was searched.
        is_search_urgent: A text waits for its first search, or a track that seems to be back for
            one that confirms it.
        size: Height and width of the pictures.
        renewed: Tracks that the session forgets in the next step and begins anew.
    """

    name: str
    engine: Sam2Engine
    session: Sam2Session
    book: TrackBook
    desk: PromptDesk
    uses_masks: bool = False
    texts: dict[str, Text] = field(default_factory=dict)
    last_search_ns: int | None = None
    is_search_urgent: bool = False
    size: tuple[int, int] = (0, 0)
    renewed: set[int] = field(default_factory=set)

    @property
    def labels(self) -> dict[int, str]:
        """Of the living tracks, by id."""
        return {i: track.label for i, track in self.book.tracks.items()}

    def want(self, text: str, prompt_id: str = '', max_frames: int = 0) -> None:
        """Search for a text from now on."""
        self.texts[text] = Text(prompt_id or text, scope=Scope(max_frames))
        self.is_search_urgent = True

    def unwant(self, text: str) -> list[int]:
        """Stop searching for a text; returns the tracks that go with it."""
        self.texts.pop(text, None)
        gone = [t.track_id for t in self.book.tracks.values() if t.text == text]
        for track_id in gone:
            del self.book.tracks[track_id]
        return gone

    def forget_seen(self, why: str) -> None:
        """Drop all tracks and memory; texts stay and are searched for again."""
        owners = {i: t.prompt_id for i, t in self.book.tracks.items() if not t.text}
        self.desk.tell_ended(self.name, by_owner(owners), why)
        self.book.tracks.clear()
        self.book.pending.clear()
        self.session.reset()
        for text, known in self.texts.items():
            self.texts[text] = Text(known.prompt_id, scope=known.scope)
        self.is_search_urgent, self.last_search_ns = bool(self.texts), None

    def undo_births(self) -> None:
        """After a step that failed: tracks that the session never heard of did not begin."""
        known = set(self.session.object_ids)
        for track_id in [i for i in self.book.tracks if i not in known]:
            del self.book.tracks[track_id]
        for text in self.texts.values():
            text.told = None
        self.is_search_urgent = bool(self.texts)

    def end_scopes(self) -> None:
        """What had as many pictures as its prompt asked for is gone."""
        for text in [t for t, known in self.texts.items() if known.scope.is_over]:
            known = self.texts[text]
            gone, removed = self.unwant(text), PromptState.REMOVED
            self.desk.tell(known.prompt_id, self.name, removed, gone, message=known.scope.message)
        for track in [t for t in self.book.tracks.values() if t.scope.is_over]:
            del self.book.tracks[track.track_id]
            self._tell_removed(track, track.scope.message)

    def removed_ids(self) -> list[int]:
        """Objects that the session has to forget: no track any more, or begun anew."""
        known = self.session.object_ids
        return [i for i in known if i not in self.book.tracks or i in self.renewed]

    def apply(
        self, prompts: Sequence[Prompt], stamp_ns: int, max_age_s: float, max_tracks: int
    ) -> dict[int, ObjectPrompt]:
        """Do what was asked for; a bad prompt is rejected and harms no other.

        Returns:
            What to give to the session, by track id.
        """
        steps: dict[int, ObjectPrompt] = {}
        for prompt in prompts:
            try:
                if prompt.action in (PromptAction.REMOVE, PromptAction.CLEAR):
                    self._remove(prompt)
                elif prompt.action is PromptAction.ADD and prompt.track_id:
                    self._take_over(prompt)
                elif prompt.action is PromptAction.ADD and not prompt.is_geometric:
                    self.want(prompt.text, prompt.prompt_id, prompt.max_frames)
                    prompt_id = prompt.prompt_id or prompt.text
                    self.desk.tell(prompt_id, self.name, PromptState.SEARCHING)
                elif prompt.track_id.isdecimal() and int(prompt.track_id) in steps:
                    self.desk.defer(prompt, self.name)  # one per object and picture
                else:
                    check_age(prompt, stamp_ns, max_age_s)
                    step = self._to_step(prompt, stamp_ns, max_tracks)
                    steps[step.object_id] = step
                    found = PromptState.FOUND
                    self.desk.tell(prompt.prompt_id, self.name, found, [step.object_id], None)
            except (PromptError, ShapeError) as error:
                self.desk.reject(prompt, self.name, str(error))
        return {i: step for i, step in steps.items() if i in self.book.tracks}

    def _to_step(self, prompt: Prompt, stamp_ns: int, max_tracks: int) -> ObjectPrompt:
        if prompt.action is PromptAction.REFINE:
            track = self._known(prompt.track_id)
            step = to_object_prompt(prompt, track.track_id, is_known=True)
            check_object_prompt(step, self.size, self.engine)
            if prompt.max_frames and not track.text:
                track.scope = Scope(prompt.max_frames)
            return step
        if len(self.book.tracks) >= max_tracks:
            fix = 'remove some, or raise max_tracks'
            raise PromptError('too many tracks', len(self.book.tracks) + 1, fix)
        check_object_prompt(to_object_prompt(prompt, 1, is_known=False), self.size, self.engine)
        label = prompt.text or prompt.prompt_id
        track = self.book.add(prompt.prompt_id, 1.0, stamp_ns, label=label)
        track.label = label or f'object {track.track_id}'
        track.scope = Scope(prompt.max_frames)
        track.mask = prompt.mask
        if prompt.box is not None:
            track.last_box = as_box(prompt.box)
        return to_object_prompt(prompt, track.track_id, is_known=False)

    def _known(self, track_id: str) -> Track:
        if track_id.isdecimal() and int(track_id) in self.book.tracks:
            return self.book.tracks[int(track_id)]
        raise PromptError('no such track', track_id, f'living are {list(self.book.tracks)}')

    def _take_over(self, prompt: Prompt) -> None:
        """A living track belongs to this prompt from now on, and to no text any more."""
        refuse_geometry(prompt)
        track = self._known(prompt.track_id)
        if not track.text:
            self._tell_removed(track, f'taken over by {prompt.prompt_id!r}')
        track.text, track.prompt_id, track.score = '', prompt.prompt_id, 1.0
        track.label, track.scope = prompt.text or track.label, Scope(prompt.max_frames)
        self.desk.tell(prompt.prompt_id, self.name, PromptState.FOUND, [track.track_id], None)

    def _remove(self, prompt: Prompt) -> None:
        """Remove by track, by prompt id or by text; a text that stays is searched for again."""
        tracks = self.book.tracks
        texts: list[str] = []
        if prompt.action is PromptAction.CLEAR:
            texts, ids = list(self.texts), list(tracks)
        elif prompt.track_id:
            ids = [self._known(prompt.track_id).track_id]
        else:
            texts, ids = self._named(prompt.prompt_id or prompt.text)
        ended: dict[str, list[int]] = {self.texts[text].prompt_id: [] for text in texts}
        for track in [tracks.pop(i) for i in ids]:
            if not track.text or track.text in texts:
                ended.setdefault(track.prompt_id, []).append(track.track_id)
        for text in texts:
            del self.texts[text]
        self.desk.tell_removed(prompt, self.name, ids, ended)

    def _named(self, name: str) -> tuple[list[str], list[int]]:
        """Texts of a name, and tracks of these texts and of geometry of that name."""
        texts = [t for t, known in self.texts.items() if name in (t, known.prompt_id)]
        tracks = self.book.tracks
        own = [i for i, t in tracks.items() if not t.text and t.prompt_id == name]
        if not name or not (texts or own):
            known = [*self.texts, *(t.prompt_id for t in tracks.values() if not t.text)]
            raise PromptError('nothing of that name to remove', name, f'there are {known}')
        return texts, own + [i for i, t in tracks.items() if t.text in texts]

    def is_search_due(self, stamp_ns: int, every_s: float) -> bool:
        """True if a text is new, a find waits for a second, or the last search was long ago."""
        if not self.texts:
            return False
        last = self.last_search_ns
        is_waiting = self.is_search_urgent or bool(self.book.pending)
        return is_waiting or last is None or stamp_ns - last >= every_s * 1e9

    def note_best(self, seen: Sequence[Found], texts: Sequence[str]) -> None:
        """Keep how sure the surest answer to each text was, whether it is accepted or not."""
        for index, text in enumerate(texts):
            scores = [f.score for f in seen if f.text_index == index]
            known = self.texts[text]
            # Once it is told to be absent, what was seen of it then is remembered.
            if scores or not known.is_told_absent:
                known.best = float(max(scores, default=0.0))

    def is_about_to_be_missed(self, text: str) -> bool:
        """Whether nothing was seen of a text that is not yet told to be absent."""
        known = self.texts[text]
        return known.best == 0 and not known.is_told_absent

    def would_be_first(self, found: Found, texts: Sequence[str], rules: Rules) -> bool:
        """Whether something found would begin a track of a text that has none."""
        return self.book.would_be_first(_sighting(found, texts), rules)

    def learn(
        self, found: Sequence[Found], texts: Sequence[str], stamp_ns: int, rules: Rules
    ) -> dict[int, ObjectPrompt]:
        """Compare what the grounder found with the tracks.

        Args:
            found: In this picture.
            texts: What `found` points into.
            stamp_ns: Of the picture.
            rules: Thresholds.

        Returns:
            What to give to the session, by track id.
        """
        self.last_search_ns, self.is_search_urgent = stamp_ns, False
        pairs = [(_sighting(f, texts), f) for f in found]
        source = {id(sighting): f for sighting, f in pairs}
        prompt_ids = {text: known.prompt_id for text, known in self.texts.items()}
        decisions = self.book.associate([s for s, _ in pairs], prompt_ids, stamp_ns, rules)
        steps = {}
        self.renewed = set() if self.uses_masks else {t.track_id for t, _ in decisions.returns}
        self.renewed |= {track.track_id for track, _ in decisions.moved}
        for track, sighting in (*decisions.births, *decisions.returns, *decisions.moved):
            step = self._step_for(track, source[id(sighting)])
            if step is None:
                self.book.tracks.pop(track.track_id, None)
            else:
                steps[track.track_id] = step
        self._tell_found(decisions, [s for s, _ in pairs])
        return steps

    def _step_for(self, track: Track, found: Found) -> ObjectPrompt | None:
        """A detection as a prompt for SAM 2; None for one too small for its input."""
        from mm_perception.nets.sam2 import ObjectPrompt

        is_known = track.track_id in self.session.object_ids and track.track_id not in self.renewed
        kind: Literal['add', 'refine'] = 'refine' if is_known else 'add'
        mask = found.mask if self.uses_masks else None
        box = found.box if mask is None else None
        step = ObjectPrompt(track.track_id, kind, box=box, mask=mask)
        try:
            check_object_prompt(step, self.size, self.engine)
        except (PromptError, ShapeError):
            return None
        return step

    def _tell_found(self, decisions: Decisions, sightings: Sequence[Sighting]) -> None:
        for text, known in self.texts.items():
            known.others = tuple(t.track_id for t in decisions.others.get(text, ()))
            if text in self.book.pending and known.told is None:
                continue  # the next search decides
            best = max((s.score for s in sightings if s.text == text), default=0.0)
            self._tell_change(text, best)

    def observe(self, masks: Masks, rules: Rules) -> set[int]:
        """Take in the masks of a picture; tracks that were hidden for too long are given up.

        Returns:
            Tracks whose mask is not to be shown before a search has confirmed it.
        """
        before = {i for i, track in self.book.tracks.items() if track.is_doubted}
        visible = dict(zip(masks.ids, masks.visible, strict=True))
        pixels = {i: masks.mask(i) for i in masks.ids}
        dead = self.book.observe(masks.stamp_ns, pixels, visible, rules)
        doubted = {t.track_id for t in (*self.book.tracks.values(), *dead) if t.is_doubted}
        self.is_search_urgent |= bool(doubted - before)
        for track in dead:
            if track.text:
                self._tell_change(track.text, 0.0)
            else:
                self._tell_removed(track, f'hidden for more than {rules.death_after_s} s')
        for known in self.texts.values():
            known.scope.frames += known.told is not None
        for track in self.book.tracks.values():
            track.scope.frames += 1
        return doubted

    def _tell_change(self, text: str, score: float) -> None:
        """Say what became of a text, once per change."""
        known = self.texts.get(text)
        if known is None:
            return
        tracks = self.book.tracks
        own = [i for i, t in tracks.items() if t.text == text]
        ids = (*own, *(i for i in known.others if i in tracks))
        state = PromptState.FOUND if ids else PromptState.NOT_FOUND
        if known.told != (state, ids):
            known.told = (state, ids)
            message = '' if ids else f'nothing in view is {text!r}'
            score = score if ids else known.best
            self.desk.tell(known.prompt_id, self.name, state, ids, score, message)

    def _tell_removed(self, track: Track, why: str) -> None:
        removed = PromptState.REMOVED
        self.desk.tell(track.prompt_id, self.name, removed, [track.track_id], message=why)


def sure_ones(found: Sequence[Found], share: float) -> list[Found]:
    """Answers that are at least as sure as a share of the surest one to the same text."""
    best: dict[int, float] = {}
    for item in found:
        best[item.text_index] = max(item.score, best.get(item.text_index, 0.0))
    return [item for item in found if item.score >= share * best[item.text_index]]


def _sighting(found: Found, texts: Sequence[str]) -> Sighting:
    return Sighting(texts[found.text_index], found.score, as_box(found.box), found.mask)
