"""The recogniser's features, letters, corpus and loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mm_perception.nets.hearing_nano import make_processor
from mm_perception.speech.grammar import command_graph
from mm_perception.speech.recogniser import edits
from mm_perception.training import speech_corpus
from mm_perception.training.loop import Settings
from mm_perception.training.speech import SpeechTask
from mm_perception.training.speech_batches import batch_of, features_of, numbers_of
from mm_perception.training.speech_corpus import (
    ACCENTS,
    NOVEL_ACCENTS,
    NOVEL_VARIANTS,
    VARIANTS,
    Corpus,
    Spoken,
    command,
    is_novel,
    load_corpus,
    trimmed,
)
from mm_perception.training.speech_scores import WordErrors, noisy
from mm_perception.world import speech
from mm_perception.world.variety import Split


@pytest.fixture
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    sound = (3000 * rng.standard_normal(32000)).astype(np.int16)
    sentences = tuple(
        Spoken(text, 'nobody', True, start, start + 8000)
        for start, text in ((0, 'yes'), (8000, 'track it'), (16000, 'stop'), (24000, 'no'))
    )
    return Corpus(sentences, sound)


@pytest.mark.parametrize('num', [4000, 16000, 20481])
def test_features_are_those_of_transformers(num: int) -> None:
    sound = 0.1 * np.random.default_rng(num).standard_normal(num).astype(np.float32)
    theirs = make_processor().feature_extractor(
        sound, sampling_rate=16000, return_tensors='np'
    )['input_features'][0]  # fmt: skip
    ours = features_of(sound)
    assert abs(len(ours) - len(theirs)) <= 1
    num_frames = min(len(ours), len(theirs))
    assert np.allclose(ours[:num_frames], theirs[:num_frames], atol=1e-3)


def test_letters_come_back_as_the_text() -> None:
    text = "what's behind me"
    assert make_processor().tokenizer.decode(numbers_of(text), group_tokens=False) == text


@pytest.mark.parametrize(
    ('said', 'heard', 'count'),
    [
        ('track the car', 'track a red car', 2), ('a b', 'a b', 0), ('', 'a', 1), ('a b c', '', 3),
        ('a b c', 'b c a', 2),
    ],
)  # fmt: skip
def test_convention_edits(said: str, heard: str, count: int) -> None:
    assert edits(said.split(), heard.split()) == count


def test_word_errors_are_those_of_jiwer() -> None:
    import jiwer

    said = ['track the red car', 'stop tracking the truck', 'yes']
    heard = ['track a red car now', 'stop the truck', 'yes']
    errors = WordErrors()
    for one, other in zip(said, heard, strict=True):
        errors.add(one, other)
    assert errors.wrong / errors.words == pytest.approx(jiwer.wer(said, heard))
    assert (errors.right, errors.sentences) == (1, 3)


def test_no_voice_and_no_command_is_on_both_sides() -> None:
    assert not set(VARIANTS) & set(NOVEL_VARIANTS)
    assert not set(ACCENTS) & set(NOVEL_ACCENTS)
    rng = np.random.default_rng(0)
    known = {command(rng, Split.TRAIN) for _ in range(300)}
    held_out = {command(rng, Split.HELD_OUT) for _ in range(100)}
    assert not known & held_out
    assert all(command_graph().has(text.split()) for text in known | held_out)
    assert not is_novel('stop tracking')


@pytest.mark.skipif(not speech.is_installed(), reason='needs espeak-ng')
def test_a_corpus_is_spoken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_corpus, 'worlds_folder', lambda: tmp_path)
    made = load_corpus(Split.TRAIN, 5)
    assert [s.stop for s in made.sentences][-1] == len(made.sound)
    assert all(0.2 < len(made.samples(i)) / 16000 < 8 for i in range(5))
    monkeypatch.setattr(speech.shutil, 'which', lambda name: None)
    again = load_corpus(Split.TRAIN, 5)
    assert again.sentences == made.sentences


def test_silence_around_a_sentence_is_cut() -> None:
    sound = np.pad(np.full(1000, 0.3, np.float32), (5000, 7000))
    assert len(trimmed(sound)) == pytest.approx(1000 + 2 * 320, abs=1)


def test_a_batch_is_padded_and_has_its_lengths(corpus: Corpus) -> None:
    batch = batch_of([corpus.samples(0), corpus.samples(1)[:4000]], ['yes', 'no'])
    assert batch.features.shape[0] == 2
    assert batch.features.shape[1] == int(batch.lengths.max())
    assert not batch.features[1, int(batch.lengths[1]) :].any()
    assert batch.target_lengths.tolist() == [3, 2]


def test_the_loss_falls_on_what_it_sees(corpus: Corpus) -> None:
    torch.manual_seed(0)
    task = SpeechTask(corpus, corpus, Settings(steps=100), seconds=2.0)
    model, device = task.build().train(), torch.device('cpu')
    batch = task.batch(50)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(8):
        (loss,) = task.loss(model, batch, device).values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_batches_and_noise_are_the_same_each_time(corpus: Corpus) -> None:
    task = SpeechTask(corpus, corpus, Settings(steps=100), seconds=2.0)
    assert torch.equal(task.batch(3).features, task.batch(3).features)
    assert np.array_equal(noisy(corpus, 1, 10.0), noisy(corpus, 1, 10.0))
