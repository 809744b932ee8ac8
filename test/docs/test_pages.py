"""What the pages say is true: files exist, links lead somewhere, commands parse, blocks run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mm_perception import graph
from mm_perception.cli.main import build_parser
from test.docs.pages import DOCS, ROOT, Block, blocks, pages, prose, read_too

#: Folders and files of the repository begin with one of these.
_HEADS = {path.name for path in ROOT.iterdir()} - {'README.md'}
_PATH = re.compile(r'`([\w.-]+(?:/[\w.*<>-]*)+|[\w-]+\.(?:md|toml|lock|rst))`')
_LINK = re.compile(r'\]\(([^)\s]+)\)')


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def marked() -> list[Block]:
    return [b for path in pages() for b in blocks(path) if b.language in ('bash', 'python')]


@pytest.mark.parametrize('path', read_too(), ids=relative)
def test_files_that_are_named_exist(path) -> None:
    made = ('demo_result/', 'docs/_build/', 'docs/_generated/')  # by commands, later
    here = [n for n in _PATH.findall(prose(path)) if n.split('/')[0] in _HEADS]
    named = [n for n in here if not n.startswith(made)]
    patterns = {
        n: re.sub(r'<\w+>|(?<![A-Za-z])(x|NET|NAME)(?![A-Za-z])', '*', n).rstrip('/')
        for n in named
    }
    missing = [n for n, pattern in patterns.items() if not list(ROOT.glob(pattern))]
    assert missing == []


@pytest.mark.parametrize('path', read_too(), ids=relative)
def test_links_to_files_and_their_headings_lead_somewhere(path) -> None:
    """Links into docs/_generated are those of Sphinx, which refuses a broken one."""
    for target in _LINK.findall(prose(path)):
        file, _, anchor = target.partition('#')
        if '://' in target or '_generated' in target or (path.parent == DOCS and anchor):
            continue
        page = (path.parent / file).resolve() if file else path
        assert page.exists(), f'{target}: no such file'
        if anchor:
            slugs = [slug(h) for h in re.findall(r'^#+ (.+)$', prose(page), re.MULTILINE)]
            assert anchor in slugs, f'{target}: no such heading'


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def commands(text: str) -> list[list[str]]:
    """Every call of `mmp` in a shell script, split into words."""
    lines = text.replace('\\\n', ' ').splitlines()
    calls = [part for line in lines for part in re.split(r'&&|;(?![^"]*")', line)]
    words = [
        shlex.split(call, comments=True) for call in calls if re.match(r'\s*(\./)?mmp ', call)
    ]
    return [w[1:] for w in words]


@pytest.mark.parametrize('path', read_too(), ids=relative)
def test_commands_are_those_of_the_program(path) -> None:
    parser = build_parser()
    for block in blocks(path):
        for words in commands(block.text) if block.language == 'bash' else ():
            try:
                args = parser.parse_args(words)
            except SystemExit:
                pytest.fail(f'{block.where}: mmp {" ".join(words)}')
            stack = getattr(args, 'stack', None)
            if stack and not stack.endswith('.yaml'):
                assert stack in graph.stack_names(), block.where


def test_commands_are_found_in_a_script() -> None:
    script = 'ls\n./mmp index bag && ./mmp search "a; b" --sheet x.html  # why\nmmp doctor\n'
    assert commands(script) == [
        ['index', 'bag'], ['search', 'a; b', '--sheet', 'x.html'], ['doctor'],
    ]  # fmt: skip


def test_every_block_says_whether_it_is_run() -> None:
    unmarked = [b.where for b in marked() if not b.mark]
    assert unmarked == [], 'put <!-- run --> or <!-- not run: REASON --> on the line before'


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_blocks_run(tmp_path) -> None:
    """All in one folder, as a reader does; `my_bag` is the drive that the first page makes."""
    (tmp_path / 'mmp').symlink_to(ROOT / 'mmp')
    (tmp_path / 'my_bag').symlink_to('drive')
    run = [b for b in marked() if b.mark == 'run']
    assert len(run) >= 6
    for block in run:
        shell = ['bash', '-e', '-c'] if block.language == 'bash' else [sys.executable, '-c']
        done = subprocess.run(
            [*shell, block.text], cwd=tmp_path, capture_output=True, text=True,
            env=None, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, f'{block.where}\n{done.stdout}\n{done.stderr}'
    for made in ('result/colour_tracker.png', 'result/summary.json', 'rig', 'two/summary.json'):
        assert (tmp_path / made).exists(), made
