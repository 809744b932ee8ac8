"""What the nano recogniser is made of: its letters, its features and its size."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from transformers import (
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2BertProcessor,
    Wav2Vec2CTCTokenizer,
)

#: Log mel energies per 10 ms, and how many of these make a frame.
NUM_MELS, STRIDE = 80, 3
#: Blank first; the bar stands between words.
LETTERS = ('<pad>', '<unk>', '|', "'", *'abcdefghijklmnopqrstuvwxyz')


def nano_config() -> Wav2Vec2BertConfig:
    """About 2 M parameters, 33 frames per second."""
    return Wav2Vec2BertConfig(
        vocab_size=len(LETTERS), feature_projection_input_dim=NUM_MELS * STRIDE, hidden_size=160,
        num_hidden_layers=4, num_attention_heads=4, intermediate_size=480,
        conv_depthwise_kernel_size=15, conformer_conv_dropout=0.0, final_dropout=0.0,
        layerdrop=0.0, apply_spec_augment=True, mask_time_prob=0.05, mask_time_length=4,
        mask_feature_prob=0.05, mask_feature_length=12, pad_token_id=0, bos_token_id=None,
        eos_token_id=None,
    )  # fmt: skip


def make_processor() -> Any:
    """Features and letters, as they are saved beside the weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'vocab.json')
        path.write_text(json.dumps({letter: i for i, letter in enumerate(LETTERS)}))
        tokenizer_class: Any = Wav2Vec2CTCTokenizer  # carries no types
        tokenizer = tokenizer_class(
            str(path), bos_token=None, eos_token=None, unk_token='<unk>', pad_token='<pad>',
            word_delimiter_token='|',
        )  # fmt: skip
    extractor_class: Any = SeamlessM4TFeatureExtractor
    extractor = extractor_class(feature_size=NUM_MELS, num_mel_bins=NUM_MELS, stride=STRIDE)
    processor_class: Any = Wav2Vec2BertProcessor
    return processor_class(extractor, tokenizer)
