"""Tiny recognisers with random weights in the layouts of public checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

_MARKS = (
    '<|endoftext|>', '<|startoftranscript|>', '<|en|>', '<|transcribe|>', '<|notimestamps|>'
)  # fmt: skip
LETTERS = ('<pad>', '<s>', '</s>', '<unk>', '|', *'ETAONIHSRDLUMWCFGYPBVKXJQZ', "'")


def make_whisper(folder: Path, *, has_alignment: bool) -> Path:
    """A Whisper of one layer with a vocabulary of bytes.

    Args:
        folder: To write to.
        has_alignment: Whether it says which attention heads align words with the sound.
    """
    folder.mkdir(parents=True)
    vocabulary = {letter: i for i, letter in enumerate(_byte_letters())}
    vocabulary |= {mark: 256 + i for i, mark in enumerate(_MARKS)}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[])
    config = WhisperConfig(
        vocab_size=261, d_model=16, encoder_layers=1, decoder_layers=1, num_mel_bins=80,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
        decoder_ffn_dim=32, decoder_start_token_id=257, pad_token_id=256, bos_token_id=256,
        eos_token_id=256, max_target_positions=32, suppress_tokens=None,
        begin_suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    settings = {
        'bos_token_id': 256, 'decoder_start_token_id': 257, 'eos_token_id': 256,
        'pad_token_id': 256, 'is_multilingual': False, 'no_timestamps_token_id': 260,
        'max_length': 12,
    }  # fmt: skip
    if has_alignment:
        settings['alignment_heads'] = [[0, 0]]
    (folder / 'generation_config.json').write_text(json.dumps(settings))
    return folder


def make_wav2vec2(folder: Path) -> Path:
    """A Wav2Vec2 of one layer with the letters of facebook/wav2vec2-base-960h."""
    folder.mkdir(parents=True)
    (folder / 'vocab.json').write_text(json.dumps({c: i for i, c in enumerate(LETTERS)}))
    config = Wav2Vec2Config(
        vocab_size=len(LETTERS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=48, conv_dim=(16,) * 7, num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / 'vocab.json'))
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


def _byte_letters() -> list[str]:
    """The letters that stand for bytes in the tokenizer of GPT-2, in their order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]
