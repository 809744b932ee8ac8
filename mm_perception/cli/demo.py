"""Generate a clip, play it through real ROS 2 nodes, track what is named in it, show the result.

Needs no network, no GPU and no weights: it tracks by colour words (plugin colour_tracker). All
traffic stays on 127.0.0.1. For objects in free text see: mmp replay --stack track.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from mm_perception.cli import main as mmp
from mm_perception.errors import ConfigError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--out', type=Path, default=Path('demo_result'), help='folder to write')
    parser.add_argument('--prompt', action='append', help='what to track; default: two colours')
    parser.add_argument('--seed', type=int, default=1, help='another seed is another clip')
    parser.add_argument('--offline', action='store_true', help='every frame, without ROS nodes')


def run(args: argparse.Namespace) -> int:
    """Write the bag, replay it as a user would, and compare with the truth."""
    from mm_perception.world.demo_bag import demo_names, write_demo_bag
    from mm_perception.world.scoring import score_replay

    if args.out.exists():
        raise ConfigError('--out', str(args.out), 'a folder that does not exist yet')
    args.out.mkdir(parents=True)
    names = demo_names(args.seed)
    print(f'1. Generating a clip with: {", ".join(names)}', flush=True)
    bag = write_demo_bag(args.out / 'input', args.seed)
    colours = Counter(name.split()[0] for name in names)
    prompts = args.prompt or [colour for colour, _ in colours.most_common(2)]
    how = 'offline' if args.offline else 'in real time through ROS 2 nodes on 127.0.0.1'
    print(f'2. Replaying it {how}; prompts: {", ".join(prompts)}', flush=True)
    result = args.out / 'result'
    command = ['replay', str(bag), '--stack', 'colour', '--out', str(result)]
    for prompt in prompts:
        command += ['--prompt', prompt]
    status = mmp.main([*command, '--offline'] if args.offline else command)
    if status == 0:
        scores = score_replay(bag, result / 'bag', '/colour_tracker/output/masks')
        (args.out / 'scores.json').write_text(json.dumps(scores, indent=2) + '\n')
        print(f'3. Against the truth: {scores}')
    return status
