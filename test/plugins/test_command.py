"""A conversation with the plugin: what it publishes, asks, remembers and refuses to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from mm_perception.errors import WeightsError
from mm_perception.plugins.command import CommandConfig, CommandPlugin
from mm_perception.samples import (
    Intent,
    PromptAction,
    PromptState,
    PromptStatus,
    Relation,
    Text,
    Transcript,
)
from mm_perception.text.command_examples import EXAMPLES
from test.plugins.samples import SECOND_NS, inputs_for


class Talk:
    """One sentence per second."""

    def __init__(self, **settings: Any) -> None:
        self.plugin = CommandPlugin(CommandConfig(**settings))
        self.plugin.load('cpu')
        self.now_ns = 0

    def give(self, **queued: Any) -> dict[str, Any]:
        samples = {port: (sample,) for port, sample in queued.items()}
        return dict(self.plugin.infer(inputs_for(CommandPlugin, self.now_ns, samples=samples)))

    def type(self, text: str) -> dict[str, Any]:
        self.now_ns += SECOND_NS
        return self.give(text=Text(stamp_ns=self.now_ns, text=text))

    def hear(self, text: str, **changes: Any) -> dict[str, Any]:
        self.now_ns += SECOND_NS
        end_ns = self.now_ns + 700_000_000
        return self.give(
            transcript=Transcript(
                stamp_ns=self.now_ns, frame_id='mic', end_ns=end_ns, text=text, **changes
            )
        )

    def report(self, prompt_id: str, state: PromptState, stream: str = 'front') -> list[str]:
        status = PromptStatus(
            stamp_ns=self.now_ns, prompt_id=prompt_id, stream=stream, state=state, message='why'
        )
        return words(self.give(status=status))


def words(outputs: dict[str, Any]) -> list[str]:
    return [text.text for text in outputs.get('say', [])]


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_what_is_heard_keeps_its_stamps_and_microphone(talk: Talk) -> None:
    outputs = talk.hear('track the red car', confidence=0.9)
    (command,), (prompt,) = outputs['command'], outputs['prompt']
    assert (command.stamp_ns, command.end_ns) == (SECOND_NS, SECOND_NS + 700_000_000)
    assert (command.frame_id, command.confidence) == ('mic', 0.9)
    assert (command.intent, command.target) == (Intent.TRACK, 'the red car')
    assert (prompt.action, prompt.text, prompt.max_frames) == (PromptAction.ADD, 'the red car', 0)
    assert prompt.stamp_ns == SECOND_NS
    assert words(outputs) == ['Understood: track the red car.']


def test_partial_transcripts_and_blanks_do_nothing(talk: Talk) -> None:
    assert talk.hear('track the red', is_final=False) == {}
    assert talk.hear('  ') == {}
    assert talk.type('') == {}


def test_what_is_segmented_is_segmented_once(talk: Talk) -> None:
    (prompt,) = talk.type('segment the sofa')['prompt']
    assert (prompt.text, prompt.max_frames) == ('the sofa', 1)
    assert words(talk.type('stop tracking the sofa')) == [
        'I am not tracking the sofa, but nothing.'
    ]


def test_relations_reach_prompt_and_command(talk: Talk) -> None:
    outputs = talk.type('follow the man next to the bus')
    assert outputs['prompt'][0].text == 'the man next to the bus'
    command = outputs['command'][0]
    assert (command.target, command.relation, command.anchor) == (
        'the man', Relation.NEXT_TO, 'the bus',
    )  # fmt: skip


def test_stop_removes_the_phrase_that_fits_best(talk: Talk) -> None:
    ids = {}
    for phrase in ('the red car', 'the blue car', 'a white truck'):
        ids[phrase] = talk.type(f'track {phrase}')['prompt'][0].prompt_id
    (removed,) = talk.type('stop tracking the truck')['prompt']
    assert (removed.action, removed.prompt_id) == (PromptAction.REMOVE, ids['a white truck'])
    asked = talk.type('stop following the car')
    assert asked.keys() == {'say'}
    assert words(asked) == ['Which one: the red car or the blue car?']
    (removed,) = talk.type('the blue one')['prompt']
    assert removed.prompt_id == ids['the blue car']
    (cleared,) = talk.type('stop')['prompt']
    assert cleared.action is PromptAction.CLEAR
    assert words(talk.type('stop tracking that')) == ['Which one? I am tracking nothing.']


def test_the_same_phrase_is_not_asked_for_twice(talk: Talk) -> None:
    talk.type('track the red car')
    outputs = talk.type('track the red car')
    assert 'prompt' not in outputs
    assert words(outputs) == ['I am tracking the red car already.']


def test_it_means_what_was_named_last_for_a_while() -> None:
    talk = Talk(patience_s=5.0)
    talk.type('turn on the lamp next to the sofa')
    (command,) = talk.type('make it red')['command']
    assert (command.intent, command.target, command.value) == (Intent.SET, 'the lamp', 'red')
    assert not command.is_deictic
    talk.now_ns += 6 * SECOND_NS
    (command,) = talk.type('turn it off')['command']
    assert (command.target, command.is_deictic) == ('', True)


def test_that_one_is_left_to_whoever_sees_the_finger(talk: Talk) -> None:
    talk.type('track the red car')
    outputs = talk.type('track that one')
    assert (outputs['command'][0].target, outputs['command'][0].is_deictic) == ('', True)
    assert 'prompt' not in outputs


@pytest.mark.parametrize(
    ('first', 'question', 'second', 'intent', 'target'),
    [
        ('track', 'What shall I track?', 'the red one', Intent.TRACK, 'the red one'),
        ('the red car', 'What shall I do with the red car', 'track it', Intent.TRACK,
         'the red car'),
        ('the red car', 'What shall I do with the red car', 'find', Intent.FIND, 'the red car'),
        ('track the car but not the red one', 'Which one of the car', 'the blue car',
         Intent.TRACK, 'the blue car'),
        ('move the sofa', 'Where shall I put the sofa?', 'next to the door', Intent.MOVE,
         'the sofa'),
        ('set the lamp', 'What shall I set the lamp to?', 'thirty percent', Intent.SET,
         'the lamp'),
        ('keep the dog in view', 'Did you mean: track the dog?', 'yes',
         Intent.TRACK, 'the dog'),
    ],
)  # fmt: skip
def test_an_answer_completes_what_was_asked(
    first: str, question: str, second: str, intent: Intent, target: str
) -> None:
    talk = Talk(patience_s=20.0)
    talk.plugin._interpreter = dataclasses.replace(talk.plugin._interpreter, sure=1.1)
    asked = talk.type(first)
    assert asked.keys() == {'say'}
    assert words(asked)[0].startswith(question)
    (command,) = talk.type(second)['command']
    assert (command.intent, command.target) == (intent, target)


def test_a_question_can_be_left(talk: Talk) -> None:
    talk.type('track')
    assert words(talk.type('never mind')) == ['All right, I do nothing.']
    assert talk.type('the red one')['command'][0].intent is Intent.SELECT
    talk.type('track')
    (command,) = talk.type('hide the table')['command']
    assert command.intent is Intent.HIDE
    talk.type('track')
    talk.now_ns += 60 * SECOND_NS
    assert talk.type('the red car').keys() == {'say'}, 'nobody remembers the question'


def test_what_is_not_understood_is_asked_back(talk: Talk) -> None:
    for text in ('good morning', 'paint the wall', 'xqzvj'):
        outputs = talk.type(text)
        assert outputs.keys() == {'say'}, text
        assert len(words(outputs)) == 1


def test_low_confidence_is_asked_back_and_yes_completes_it(talk: Talk) -> None:
    asked = talk.hear('hide the table', confidence=0.2)
    assert asked.keys() == {'say'}
    assert words(asked) == ['Did you mean: hide the table?']
    (command,) = talk.hear('yes', confidence=0.9)['command']
    assert (command.intent, command.target) == (Intent.HIDE, 'the table')
    assert talk.hear('yes')['command'][0].intent is Intent.CONFIRM, 'nothing is open any more'


def test_slips_are_mended_where_they_are_clear(talk: Talk) -> None:
    for text in ('trakc the rde car', 'trek the read car'):
        talk.plugin.reset()
        (command,) = talk.type(text)['command']
        assert (command.intent, command.target, command.text) == (
            Intent.TRACK, 'the red car', text,
        )  # fmt: skip


def test_two_commands_in_one_sentence(talk: Talk) -> None:
    outputs = talk.type('track the red car and then hide the table')
    assert [c.intent for c in outputs['command']] == [Intent.TRACK, Intent.HIDE]


def test_what_is_not_seen_is_said_once(talk: Talk) -> None:
    prompt_id = talk.type('track a red car')['prompt'][0].prompt_id
    assert talk.report('somebody else', PromptState.NOT_FOUND) == []
    assert talk.report(prompt_id, PromptState.SEARCHING) == []
    assert talk.report(prompt_id, PromptState.NOT_FOUND) == ['I cannot see a red car.']
    assert talk.report(prompt_id, PromptState.NOT_FOUND, 'back') == []
    assert talk.report(prompt_id, PromptState.FOUND) == ['Now I see a red car.']
    assert talk.report(prompt_id, PromptState.REJECTED) == ['I cannot look for a red car: why']
    assert words(talk.type('stop tracking the car')) == ['I am not tracking the car, but nothing.']


def test_confirmations_can_be_left_out() -> None:
    talk = Talk(confirms=False)
    assert 'say' not in talk.type('track the red car')
    assert words(talk.type('track')) == ['What shall I track?']


def test_after_a_rewind_questions_are_closed_and_tracks_are_kept(talk: Talk) -> None:
    talk.type('track the red car')
    talk.type('segment')
    talk.plugin.rewind('')
    assert talk.type('the dog').keys() == {'say'}
    assert talk.type('stop tracking the car')['prompt'][0].action is PromptAction.REMOVE


def test_a_sentence_encoder_can_find_the_examples(tmp_path: Path) -> None:
    """A tiny one made here: the same code loads a public one by its hub id."""
    folder = write_encoder(tmp_path / 'encoder')
    talk = Talk(encoder=str(folder))
    assert talk.plugin.model_info()['encoder_sha256']
    asked = talk.type('the dog should be tracked')
    assert words(asked) == ['Did you mean: track the dog?']
    talk.plugin.close()
    assert talk.plugin.model_info() == {}


def test_no_encoder_there_is_an_error() -> None:
    with pytest.raises(WeightsError):
        Talk(encoder='nobody/has-such-an-encoder')


def write_encoder(folder: Path) -> Path:
    """A BERT with random weights that knows the words of the examples, in hub layout."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    texts = [text for texts in EXAMPLES.values() for text in texts]
    names = ['[PAD]', '[UNK]', *sorted({word for text in texts for word in text.split()})]
    vocabulary = {name: index for index, name in enumerate(names)}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token='[UNK]'))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token='[PAD]', unk_token='[UNK]', model_max_length=32
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(names), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def test_it_is_moved_to_where_somebody_points(talk: Talk) -> None:
    talk.type('select the red lamp')
    (command,) = talk.type('move it over there')['command']
    assert (command.intent, command.target) == (Intent.MOVE, 'the red lamp')
    assert command.is_deictic
    assert command.relation is Relation.NONE


@pytest.fixture
def rosie() -> Talk:
    return Talk(addressed_as='Rosie')


def test_with_a_name_small_talk_is_left_alone(rosie: Talk) -> None:
    for sentence in ('nice weather today', 'I track the red car', 'track the red car', 'stop'):
        assert rosie.hear(sentence) == {}
    outputs = rosie.hear('hey Rosie, track the red car')
    assert [c.target for c in outputs['command']] == ['the red car']
    assert outputs['command'][0].text == 'track the red car'
    assert words(rosie.hear('rosie nice weather today')) == [
        "I did not understand 'nice weather today'. Say for example: track the red car."
    ]
    assert rosie.hear('nice weather today') == {}, 'it waits for nothing'


def test_what_is_typed_needs_no_name(rosie: Talk) -> None:
    assert rosie.type('track the red car')['command']
    assert words(rosie.type('nice weather today'))


def test_a_name_alone_waits_for_the_command(rosie: Talk) -> None:
    assert words(rosie.hear('Rosie!')) == ['Yes?']
    assert rosie.hear('track the red car')['command']
    assert rosie.hear('track the blue car') == {}, 'one command'
    rosie.hear('Rosie')
    rosie.now_ns += 30 * SECOND_NS
    assert rosie.hear('track the blue car') == {}, 'too late'


def test_an_answer_needs_no_name_and_small_talk_is_none(rosie: Talk) -> None:
    rosie.type('track the red car')
    rosie.type('track the blue car')
    assert words(rosie.hear('rosie stop tracking the car'))[0].startswith('Which one')
    assert rosie.hear('did you see the game') == {}
    (removed,) = rosie.hear('the blue one')['prompt']
    assert removed.action is PromptAction.REMOVE
    rosie.hear('rosie stop tracking')
    assert rosie.hear('the red one') == {}, 'nothing was asked'


def test_no_closes_a_question(rosie: Talk) -> None:
    rosie.hear('rosie hide')
    assert words(rosie.hear('never mind')) == ['All right, I do nothing.']
    assert rosie.hear('the sofa') == {}
