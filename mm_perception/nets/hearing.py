"""Recognisers of speech as transformers has them: CTC networks, and Whisper and its kind."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoProcessor
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CTC_MAPPING_NAMES,
    MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
)

from mm_perception.errors import WeightsError
from mm_perception.model_cache import Shared
from mm_perception.speech.decoding import Alphabet, Path, best_path, search_in
from mm_perception.speech.grammar import command_graph
from mm_perception.speech.prior import cost_of
from mm_perception.speech.recogniser import NOTHING, Heard, HeardWord, Recogniser, heard_of
from mm_perception.speech.stream import RATE_HZ, Sound
from mm_perception.text.tokens import plain
from mm_perception.weights import directory_sha256, local_directory, locate, offline, state_sha256

#: A command may be less likely than the best letters by so much per frame (nats); more, and it is
#: taken for other words. Of 86 held-out commands, clean and at 10 dB, two are less likely; of 17
#: sentences of other words none comes nearer than 0.43.
_SLACK = 0.35
#: Below that confidence it is noise. Twelve voices at once, in which a grammar finds commands,
#: stay below 0.27; commands that are heard right at 10 dB are above 0.37.
_LEAST_CONFIDENCE = 0.3
#: A network cannot be given less sound, seconds.
_SHORTEST_S = 0.2


class CtcRecogniser:
    """A network that gives letters: Wav2Vec2, HuBERT, Wav2Vec2-BERT and alike.

    Args:
        model: In eval mode.
        processor: Of sound and letters.
        name: What was asked for.
        sha256: Of the weights.
        licence: Of the weights.
        called: Name that a command may begin with, in lower case; empty: none.
    """

    def __init__(
        self, model: Any, processor: Any, name: str, sha256: str, licence: str, called: str = ''
    ) -> None:
        self._model, self._processor, self._called = model, processor, called
        self.name, self.sha256, self.licence = name, sha256, licence
        tokenizer = processor.tokenizer
        letters = tokenizer.convert_ids_to_tokens(range(model.config.vocab_size))
        bar = tokenizer.convert_tokens_to_ids(tokenizer.word_delimiter_token)
        known = tuple((letter or '<unk>').lower() for letter in letters)
        self.alphabet = Alphabet(known, tokenizer.pad_token_id, bar)

    @torch.inference_mode()
    def logs(self, sound: Sound) -> np.ndarray:
        """Log probabilities of letters, (T, V) float32, of (T,) samples at 16 kHz."""
        found = self._processor(sound, sampling_rate=RATE_HZ, return_tensors='pt')
        found = found.to(self._model.device)
        logs = self._model(**found).logits[0].float().log_softmax(-1)
        return np.asarray(logs.cpu().numpy(), np.float32)

    def recognise(self, sound: Sound) -> Heard:
        """As a command if that is about as likely as any letters, else as these letters."""
        if len(sound) < _SHORTEST_S * RATE_HZ:
            return NOTHING
        logs = self.logs(sound)
        frame_s = len(sound) / RATE_HZ / len(logs)
        return decide(logs, self.alphabet, frame_s, self._called)


def decide(logs: np.ndarray, alphabet: Alphabet, frame_s: float, called: str = '') -> Heard:
    """The best command, or the best letters if they fit clearly better.

    A command is as sure as its letters, and no surer than its share among all commands: "the blue
    van" may be spelled clearly enough and "the blue man" as well.

    Args:
        logs: (T, V) log probabilities of letters.
        alphabet: Of the columns.
        frame_s: Seconds per frame.
        called: Name that a command may begin with; empty: none.
    """
    anything = best_path(logs, alphabet, frame_s)
    search = search_in(command_graph(called), alphabet, cost_of)
    command: Path | None = search.find(logs, frame_s)
    if command is None or anything.score - command.score > _SLACK:
        heard = heard_of(anything.words)
        return heard if heard.confidence >= _LEAST_CONFIDENCE else NOTHING
    heard = heard_of(command.words)
    if heard.confidence < _LEAST_CONFIDENCE:
        return NOTHING
    return replace(heard, confidence=min(heard.confidence, search.share(command, logs)))


class Seq2SeqRecogniser:
    """A network that writes: Whisper and alike.

    Args:
        model: In eval mode.
        processor: Of sound and text.
        name: What was asked for.
        sha256: Of the weights.
        licence: Of the weights.
        language: BCP-47 tag of what is spoken; empty lets the network find out.
    """

    def __init__(
        self, model: Any, processor: Any, name: str, sha256: str, licence: str, language: str
    ) -> None:
        self._model, self._processor, self._language = model, processor, language
        self.name, self.sha256, self.licence = name, sha256, licence

    @torch.inference_mode()
    def recognise(self, sound: Sound) -> Heard:
        """The text; words with times where the checkpoint says which heads align them."""
        model, processor = self._model, self._processor
        found = processor(
            sound, sampling_rate=RATE_HZ, return_tensors='pt', return_attention_mask=True
        ).to(model.device)
        settings = model.generation_config
        has_times = getattr(settings, 'alignment_heads', None) is not None
        options: dict[str, Any] = {'return_token_timestamps': True} if has_times else {}
        if self._language and getattr(settings, 'is_multilingual', False):
            options |= {'language': self._language, 'task': 'transcribe'}
        made = model.generate(**found, return_dict_in_generate=True, output_scores=True, **options)
        tokens = made['sequences'][0]  # with token times it is a dict without attributes
        text = processor.batch_decode(tokens[None], skip_special_tokens=True)[0].strip()
        if not text:
            return NOTHING
        scores = model.compute_transition_scores(made['sequences'], made['scores'], None, True)[0]
        confidence = math.exp(float(scores[torch.isfinite(scores)].mean()))
        words = _timed_words(processor.tokenizer, made, confidence) if has_times else ()
        return Heard(text, words, min(1.0, confidence), self._language)


def _timed_words(tokenizer: Any, made: Any, confidence: float) -> tuple[HeardWord, ...]:
    """Words from tokens: one begins with each token that begins with a space."""
    times = made['token_timestamps'][0].tolist()
    words: list[tuple[str, float, float]] = []
    special = set(tokenizer.all_special_ids)
    before = 0.0
    for token, time_s in zip(made['sequences'][0].tolist(), times, strict=True):
        if token not in special and token < tokenizer.vocab_size:
            part = tokenizer.decode([token])
            if part.startswith(' ') or not words:
                words.append((part.strip(), before, time_s))
            else:
                text, start_s, _ = words[-1]
                words[-1] = (text + part, start_s, time_s)
        before = time_s
    return tuple(HeardWord(t, s, max(s, e), confidence) for t, s, e in words if t)


def shared_recogniser(
    weights: str, device: str, language: str, called: str = ''
) -> Shared[Recogniser]:
    """A recogniser that all nodes of the process share.

    Args:
        weights: nano, random, a hub id or a directory.
        device: cpu or cuda.
        language: BCP-47 tag of what is spoken; empty lets a network find out that can.
        called: Name that a command may begin with, for networks that give letters.

    Raises:
        WeightsError: They cannot be used.
    """
    called = plain(called)
    key = ('hearing', weights, device, language, called)
    return Shared(key, lambda: _load(weights, device, language, called))


def _load(weights: str, device: str, language: str, called: str) -> Recogniser:
    if weights == 'random':
        from mm_perception.nets.hearing_nano import make_processor, nano_config

        torch.manual_seed(0)
        auto_class: Any = AutoModelForCTC  # carries no types
        model: Any = auto_class.from_config(nano_config()).eval()
        return CtcRecogniser(
            model.to(device), make_processor(), weights, state_sha256(model), 'Apache-2.0', called
        )
    folder = local_directory(locate(weights, 'speech'))
    licence = 'Apache-2.0' if weights == 'nano' else 'see its card'
    try:
        with offline():
            kind = AutoConfig.from_pretrained(folder).model_type
            auto = _auto_class(kind, weights)
            auto_processor: Any = AutoProcessor
            processor: Any = auto_processor.from_pretrained(folder)
            loaded: Any = auto.from_pretrained(folder, dtype=torch.float32).eval().to(device)
    except (OSError, ValueError, KeyError) as error:
        fix = 'give a checkpoint of a recogniser with its processor'
        raise WeightsError(weights, f'cannot be read ({error})', fix) from error
    sha256 = directory_sha256(folder)
    if auto is AutoModelForCTC:
        return CtcRecogniser(loaded, processor, weights, sha256, licence, called)
    return Seq2SeqRecogniser(loaded, processor, weights, sha256, licence, language)


def _auto_class(kind: str, weights: str) -> Any:
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES:
        return AutoModelForSpeechSeq2Seq
    if kind in MODEL_FOR_CTC_MAPPING_NAMES:
        return AutoModelForCTC
    fix = 'give Whisper, Wav2Vec2 or another of AutoModelForCTC or AutoModelForSpeechSeq2Seq'
    raise WeightsError(weights, f'{kind} recognises no speech', fix)
