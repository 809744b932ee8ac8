"""The words that small language networks know, as a tokenizer of transformers."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from mm_perception.world.language import WORDS

PAD, UNKNOWN, START, END = '[PAD]', '[UNK]', '[BOS]', '[EOS]'


def make_tokenizer(length: int) -> PreTrainedTokenizerFast:
    """A tokenizer of whole words; words it does not know become one.

    CLIP and SAM 3 read a text at its end token, which they find as the largest id: here it is.

    Args:
        length: Longest text in tokens, start and end included.
    """
    entries = [PAD, UNKNOWN, START, *WORDS, END]
    vocabulary = {word: index for index, word in enumerate(entries)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation('removed')]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f'{START} $A {END}',
        special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])],
    )
    make: Any = PreTrainedTokenizerFast  # carries no types
    made: PreTrainedTokenizerFast = make(
        tokenizer_object=tokenizer, unk_token=UNKNOWN, pad_token=PAD, bos_token=START,
        eos_token=END, model_max_length=length,
    )  # fmt: skip
    return made
