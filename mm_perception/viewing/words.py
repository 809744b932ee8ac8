"""Drawings of what is said, asked, answered and decided: lines of a log, and their evidence."""

from __future__ import annotations

import rerun as rr

from mm_perception.samples import (
    Action,
    Advice,
    Command,
    EmbedTextReply,
    EmbedTextRequest,
    Event,
    MatchReply,
    MatchRequest,
    Prompt,
    PromptReply,
    PromptState,
    PromptStatus,
    SearchHit,
    SearchReply,
    SearchRequest,
    Text,
    Transcript,
)
from mm_perception.samples.prompt import spoken_of
from mm_perception.viewing.pictures import boxes2d, draw_image, draw_pointed
from mm_perception.viewing.stage import Stage, parts

_INFO, _WARN, _ERROR = rr.TextLogLevel.INFO, rr.TextLogLevel.WARN, rr.TextLogLevel.ERROR
_DETAIL = rr.TextLogLevel.DEBUG
_LEVELS = {Action.GO: _INFO, Action.SLOW: _WARN, Action.YIELD: _WARN, Action.STOP: _ERROR}
#: Begins the keys under which the words of prompts are kept: an id is not always readable.
_ASKED = 'asked '
_FAILED = (PromptState.NOT_FOUND, PromptState.REJECTED)


def draw_text(stage: Stage, topic: str, text: Text) -> None:
    """A line, unless it says the same as the one before."""
    stage.say_news(topic, text.text)


def draw_transcript(stage: Stage, topic: str, heard: Transcript) -> None:
    """A line when it began to be said; what is not final yet is grey."""
    seconds = (heard.end_ns - heard.stamp_ns) / 1e9
    if heard.is_final:
        stage.say(topic, f'heard “{heard.text}” ({seconds:.1f} s, {heard.confidence:.2f})')
    else:
        stage.say(topic, f'hearing “{heard.text}” …', _DETAIL)


def draw_command(stage: Stage, topic: str, command: Command) -> None:
    """A line: what was understood."""
    words = [command.intent.value, f'“{command.target}”' if command.target else '']
    if command.anchor:
        words += [command.relation.value.replace('_', ' '), f'“{command.anchor}”']
    words += [f'to {command.value}'] if command.value else []
    words += ['(that one)'] if command.is_deictic else []
    stage.say(topic, f'understood: {" ".join(word for word in words if word)}')


def draw_prompt(stage: Stage, topic: str, prompt: Prompt) -> None:
    """A line: what is asked for; points and boxes also over the picture."""
    words = [f'asked: {prompt.action.name.lower()}', f'“{prompt.text}”' if prompt.text else '']
    words += [f'{len(prompt.points)} points'] if len(prompt.points) else []
    words += ['a box'] if prompt.box is not None else []
    words += ['a mask'] if prompt.mask is not None else []
    words += [f'track {prompt.track_id}'] if prompt.track_id else []
    words += [f'on {prompt.stream}'] if prompt.stream else []
    stage.say(topic, ' '.join(word for word in words if word))
    if prompt.text and prompt.prompt_id:
        stage.memory[_ASKED + prompt.prompt_id] = f'“{prompt.text}”'
    if prompt.is_geometric:
        draw_pointed(stage, topic, prompt)


def draw_status(stage: Stage, topic: str, status: PromptStatus) -> None:
    """A line: what became of a prompt, yellow where it was not found or rejected."""
    tracks = f' as {", ".join(f"#{t}" for t in status.track_ids)}' if status.track_ids else ''
    where = f' on {status.stream}' if status.stream else ''
    asked = stage.memory.get(_ASKED + status.prompt_id, spoken_of(status.prompt_id))
    words = f'{asked}: {status.state.name.lower().replace("_", " ")}{tracks}{where}'
    reason = f' ({status.message})' if status.message else ''
    stage.say(topic, words + reason, _WARN if status.state in _FAILED else _INFO)


def draw_event(stage: Stage, topic: str, event: Event) -> None:
    """A line, its evidence as a picture, and its box over the picture of its camera."""
    said = event.message or ' '.join((event.kind, event.label, *event.track_ids))
    stage.say(topic, f'{event.kind}: {said}', _WARN)
    if event.picture is not None:
        draw_image(stage, f'/debug{topic}', event.picture)
    if event.box is not None and event.frame_id:
        path = [*stage.camera(event.frame_id, topic), *parts(topic)]
        stage.log(path, boxes2d(event.box[None], [event.kind], [(240, 180, 70)]))
        stage.layout.add_mark(path)


def draw_advice(stage: Stage, topic: str, advice: Advice) -> None:
    """A line when action or rules change, yellow or red if not go; the limit as a curve."""
    gist = advice.action, advice.rules, advice.track_ids
    stage.say_news(topic, advice.sentence(), _LEVELS[advice.action], gist=gist)
    stage.curve('speed, m/s', f'{topic}/limit', advice.speed_limit_mps)


def draw_search_request(stage: Stage, topic: str, asked: SearchRequest) -> None:
    """A line: what is looked for."""
    what = f'“{asked.text}”' if asked.text else f'track {asked.track_id}'
    stage.say(topic, f'search for {what if asked.image is None else "a picture"}')


def draw_search_reply(stage: Stage, topic: str, reply: SearchReply) -> None:
    """A line, and the pictures of the hits."""
    stage.say(topic, reply.message or f'{len(reply.hits)} hits')
    for rank, hit in enumerate(reply.hits, 1):
        draw_search_hit(stage, f'{topic}/{rank}', hit)


def draw_search_hit(stage: Stage, topic: str, hit: SearchHit) -> None:
    """Its picture, and a line."""
    path = ['pictures', *parts(topic)]
    stage.log(path, rr.EncodedImage(contents=hit.jpeg.tobytes(), media_type='image/jpeg'))
    stage.layout.add_loose(path)
    where = ' '.join(word for word in (hit.bag, hit.stream or hit.topic, hit.label) if word)
    stage.say(topic, f'hit {hit.score:.2f} {where}')


def draw_prompt_reply(stage: Stage, topic: str, reply: PromptReply) -> None:
    """A line, yellow where it is no success."""
    said = reply.message or f'tracks {", ".join(reply.track_ids) or "none"}'
    stage.say(topic, said, _INFO if reply.success else _WARN)


def draw_match_request(stage: Stage, topic: str, asked: MatchRequest) -> None:
    """A line with the texts."""
    stage.say(topic, f'which of: {", ".join(asked.texts)}')


def draw_match_reply(stage: Stage, topic: str, reply: MatchReply) -> None:
    """A line with the scores, in the order of the texts."""
    stage.say(topic, f'scores: {", ".join(f"{score:.2f}" for score in reply.scores)}')


def draw_embed_request(stage: Stage, topic: str, asked: EmbedTextRequest) -> None:
    """A line with the texts."""
    stage.say(topic, f'vectors asked for: {", ".join(asked.texts)}')


def draw_embed_reply(stage: Stage, topic: str, reply: EmbedTextReply) -> None:
    """A line: how many vectors there are, and whose."""
    count, width = reply.vectors.shape
    stage.say(topic, f'{count} vectors of {width} numbers from {reply.model}')
