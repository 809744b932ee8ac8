"""From a voice to a mask: results/voice.json.

python -m bench.bench_voice [--sentences 120] [--names 60] [--drives 4]

words   "track the <colour> <thing>" by voices of espeak-ng that no training hears, in pink noise,
        through the plugins `speech` and `command`: right is a prompt for that very thing, wrong
        is one for another; without any, it was asked back or not heard. What failed is printed.
        Beside it how long the words of the whole take to compute, from the last sound to the
        prompt. Baseline: a recogniser that hears every letter right, so what is lost is lost by
        ear. The costs and limits of the decoder were chosen on the voices that are left out here.
names   the same, clean, to a robot that has a name, which `command` asks for: `named` begin with
        it, `unnamed` do not and must prompt nothing; where only `command` knows the name, `speech`
        has to make it of letters.
drives  the stack `voice` offline on held-out drives in whose audio the user asks for the thing
        that shows best; right is a mask that overlaps it by more than a half within 1.5 s of
        capture time after the last word. What has driven out of the picture by then cannot be
        marked: such drives are listed, but do not count in `of drives`. The same stack is told
        the words in `typed`. Without drives (0), those of the file are kept; so are words and
        names.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.provenance import ROOT, provenance
from mm_perception.cli import main as mmp
from mm_perception.evaluation.naming import MIN_PIXELS, Name, map_of
from mm_perception.evaluation.questions import clearest_name
from mm_perception.evaluation.scenes import read_masks, read_world
from mm_perception.evaluation.spoken import read_heard
from mm_perception.inputs import Inputs
from mm_perception.plugins import command
from mm_perception.plugins.speech import Speech, SpeechConfig
from mm_perception.samples import AudioClip, Prompt, Text, Transcript
from mm_perception.speech.stream import RATE_HZ, Sound
from mm_perception.training.data import FINAL_SEED
from mm_perception.training.speech_corpus import NOVEL_VARIANTS
from mm_perception.world.acoustics import coloured_noise, with_noise
from mm_perception.world.drive import Drive, one_camera
from mm_perception.world.drive_bag import write_drive
from mm_perception.world.materials import COLOURS
from mm_perception.world.microphone import MicrophoneArray
from mm_perception.world.speech import Voice, speak
from mm_perception.world.spoken import Saying
from mm_perception.world.variety import Split

RESULTS = ROOT / 'bench' / 'results' / 'voice.json'
THINGS = ('car', 'truck', 'bus', 'van', 'lamp', 'sofa', 'cup', 'chair', 'cone')
LEVELS_DB = (None, 20.0, 10.0, 0.0)
SAID_S, WITHIN_S = 0.5, 1.5
NAMES = ('robot', 'rosie', 'atlas', 'computer', 'max', 'walter')
VARIANTS = NOVEL_VARIANTS[1::2]


def sentence(rng: np.random.Generator, name: str = '') -> tuple[str, Sound]:
    """What is asked for, and how it sounds between half a second of silence on each side.

    Args:
        rng: Chance.
        name: Of whom is asked; empty: nobody is named.
    """
    colour, thing = rng.choice(list(COLOURS)), rng.choice(THINGS)
    phrase = f'the {colour} {thing}'
    accent = ('en-us', 'en-gb', 'en-gb-scotland')[int(rng.integers(3))]
    variant = VARIANTS[int(rng.integers(len(VARIANTS)))]
    voice = Voice(f'{accent}+{variant}', int(rng.integers(30, 70)), int(rng.integers(130, 175)))
    sound = speak(f'{name}, track {phrase}' if name else f'track {phrase}', voice, RATE_HZ)
    return phrase, np.pad(sound, (RATE_HZ // 2, RATE_HZ)).astype(np.float32)


def prompts_of(sound: Sound, ear_name: str = '', name: str = '') -> tuple[list[str], str, float]:
    """Texts that are asked for, words heard, and seconds of computing after the voice was over.

    Args:
        sound: At 16 kHz.
        ear_name: What `speech` knows as the name of the robot.
        name: What `command` knows as that.
    """
    ear = Speech(SpeechConfig(partial_s=0.0, addressed_as=ear_name))
    mind = command.PLUGIN(command.PLUGIN.Config(addressed_as=name))
    ear.load('cpu')
    mind.load('cpu')
    asked, words_heard, busy_s = [], [], 0.0
    for first in range(0, len(sound), RATE_HZ // 10):
        stamp_ns = 1_000_000_000 + round(first / RATE_HZ * 1e9)
        part = np.asarray(sound[first : first + RATE_HZ // 10], np.float32)[:, None]
        clip = AudioClip(stamp_ns=stamp_ns, frame_id='ear', data=part, rate_hz=RATE_HZ)
        began = time.perf_counter()
        heard: Any = ear.infer(Inputs(stamp_ns, 'ear', samples={'audio': (clip,)}))['transcript']
        for transcript in heard:
            if isinstance(transcript, Transcript) and transcript.is_final:
                asked += told(mind, {'transcript': (transcript,)}, transcript.stamp_ns)
                words_heard.append(f'{transcript.text} ({transcript.confidence:.2f})')
                busy_s += time.perf_counter() - began
    return asked, ', '.join(words_heard), busy_s


def told(mind: Any, samples: dict[str, Any], stamp_ns: int) -> list[str]:
    inputs = Inputs(stamp_ns, '', samples={'transcript': (), 'text': (), 'status': (), **samples})
    found: Any = mind.infer(inputs).get('prompt', ())
    return [p.text for p in ([found] if isinstance(found, Prompt) else found)]


def words(count: int) -> dict[str, Any]:
    rng, rows = np.random.default_rng(5), []
    said = [sentence(rng) for _ in range(count)]
    mind = command.PLUGIN(command.PLUGIN.Config())
    mind.load('cpu')
    typed = [told(mind, {'text': (Text(stamp_ns=1, text=f'track {p}'),)}, 1) for p, _ in said]
    perfect = np.mean(
        [texts[-1:] == [phrase] for texts, (phrase, _) in zip(typed, said, strict=True)]
    )
    for level in LEVELS_DB:
        right, wrong, silent, seconds = 0, 0, 0, []
        for phrase, sound in said:
            noisy = sound
            if level is not None:
                noisy = with_noise(sound, coloured_noise(rng, len(sound), 1.0), level)
            asked, heard, busy_s = prompts_of(noisy)
            right += phrase in asked
            wrong += any(text != phrase for text in asked)
            silent += not asked
            seconds.append(busy_s)
            if asked != [phrase]:
                print(f'{level} dB: {phrase} | heard: {heard} | prompts: {asked}', flush=True)
        rows.append({
            'snr_db': level, 'right': round(right / count, 3), 'wrong': round(wrong / count, 3),
            'without a prompt': round(silent / count, 3),
            'compute_s_median': round(float(np.median(seconds)), 3),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return {
        'sentences': count,
        'voices': list(VARIANTS),
        'rows': rows,
        'every letter heard': round(float(perfect), 3),
    }


def names(count: int) -> dict[str, Any]:
    rng = np.random.default_rng(6)
    right = {'named': 0, 'named, only command knows it': 0}
    unnamed = 0
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        phrase, sound = sentence(rng, name)
        right['named'] += phrase in prompts_of(sound, name, name)[0]
        right['named, only command knows it'] += phrase in prompts_of(sound, '', name)[0]
        unnamed += bool(prompts_of(sentence(rng)[1], name, name)[0])
    shares = {kind: round(hits / count, 3) for kind, hits in right.items()}
    found = {'sentences': count, **shares, 'unnamed': round(unnamed / count, 3)}
    print(found, flush=True)
    return found


def ride(seed: int, folder: Path) -> dict[str, Any] | None:
    """One drive by voice and typed; None if nothing in it can be named."""
    cameras = one_camera(640, 360)
    silent = Drive(seed, 6.0, cameras=cameras, split=Split.HELD_OUT)
    write_drive(folder / 'silent', silent, workers=2)
    name = clearest_name(read_world(folder / 'silent').scenes[0].truth)
    if name is None:
        return None
    spoken = Drive(
        seed, 6.0, cameras=cameras, split=Split.HELD_OUT, microphones=MicrophoneArray(),
        sayings=(Saying(f'track {name.text}', SAID_S),), has_passers_by=False,
    )  # fmt: skip
    write_drive(folder / 'spoken', spoken, workers=2)
    row: dict[str, Any] = {'seed': seed, 'text': name.text}
    out = folder / 'by_voice'
    command = [
        'replay',
        str(folder / 'spoken'),
        '--stack',
        'voice',
        '--offline',
        '--out',
        str(out),
    ]
    mmp.main(command)
    heard = read_heard(out / 'bag')
    row['asked'] = [c.target for c in heard.commands]
    if heard.commands:
        row |= outcome(folder / 'spoken', out, name, heard.commands[0].end_ns)
    typed = folder / 'typed'
    mmp.main(['replay', str(folder / 'silent'), '--stack', 'track', '--offline', '--prompt',
              name.text, '--out', str(typed)])  # fmt: skip
    start_ns = read_world(folder / 'silent').scenes[0].truth[0].stamp_ns
    row['typed'] = outcome(folder / 'silent', typed, name, start_ns)
    return row


def outcome(drive: Path, result: Path, name: Name, end_ns: int) -> dict[str, Any]:
    """When the first good mask was captured, seconds after the words."""
    truth = {m.stamp_ns: map_of(name, m) > 0 for m in read_world(drive).scenes[0].truth}
    found = read_masks(result / 'bag', '/text_tracker/output/masks')
    found |= read_masks(result / 'bag', '/text_tracker/output/masks/camera_front')
    latest_ns = end_ns + round(WITHIN_S * 1e9)
    in_view = [real.sum() >= MIN_PIXELS for ns, real in truth.items() if end_ns <= ns <= latest_ns]
    good, first = [], None
    for stamp_ns, masks in sorted(found.items()):
        real = truth.get(stamp_ns)
        if real is None or stamp_ns < end_ns or not real.any():
            continue
        shown = masks.id_map > 0
        iou = float((shown & real).sum() / (shown | real).sum())
        good.append(iou)
        if iou > 0.5 and first is None:
            first = (stamp_ns - end_ns) / 1e9
    return {
        'first_good_mask_s': None if first is None else round(first, 2),
        'is_right': first is not None and first <= WITHIN_S,
        'mean_iou': round(float(np.mean(good)), 3) if good else None,
        'stays_in_view': bool(in_view) and all(in_view),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sentences', type=int, default=120)
    parser.add_argument('--names', type=int, default=60)
    parser.add_argument('--drives', type=int, default=4)
    args = parser.parse_args()
    source = provenance()
    report: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    before = report.get('commit')
    report |= source
    for part, count, take in (('words', args.sentences, words), ('names', args.names, names)):
        report.setdefault(f'commit of {part}', before)
        if count:
            report |= {part: take(count), f'commit of {part}': source['commit']}
            RESULTS.write_text(json.dumps(report, indent=2) + '\n')
    rows: list[dict[str, Any]] = []
    for seed in range(FINAL_SEED + 700, FINAL_SEED + 700 + args.drives):
        with TemporaryDirectory() as folder:
            row = ride(seed, Path(folder))
        if row is not None:
            rows.append(row)
            print(row, flush=True)
    if rows:
        staying = [row for row in rows if row.get('stays_in_view', True)]
        seconds = [s for row in staying if (s := row.get('first_good_mask_s')) is not None]
        report['of drives'] = {
            'in view for as long as it may take': len(staying),
            'right': sum(row.get('is_right', False) for row in staying),
            'median_s': round(float(np.median(seconds)), 2) if seconds else None,
        }
        report |= {'drives': rows, 'commit of drives': source['commit']}
        RESULTS.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
    main()
