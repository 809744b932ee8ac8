"""The page of a run: it stands alone, says what happened, and shows what failed as failed."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from mm_perception.cli import main as mmp
from mm_perception.reporting.run import write_run_report
from test.data.coloured_bag import write_coloured_bag
from test.data.shape_bag import write_shape_bag
from test.replay.masker_stack import use_fakes

#: Of the page of a short run, with all of its pictures.
MOST_BYTES = 3 << 20


class Reader(HTMLParser):
    """What a page refers to, its pictures without words, and whether its tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.wordless = 0
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        for name in ('src', 'href', 'srcset', 'data', 'poster'):
            if found.get(name):
                self.references.append(str(found[name]))
        self.wordless += tag == 'img' and not found.get('alt')
        self.wordless += tag == 'svg' and found.get('role') == 'img' and not found['aria-label']
        if tag not in ('meta', 'img', 'path', 'line', 'polyline', 'polygon', 'circle', 'br'):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def replay(bag: Path, out: Path, *words: str) -> tuple[int, str]:
    """Offline, without a film: exit status and page."""
    more = ['--out', str(out), '--offline', '--no-film']
    status = mmp.main(['replay', str(bag), *words, *more])
    return status, (out / 'report.html').read_text()


@pytest.fixture(scope='module')
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of a bag with a truth: one thing that is there, one that is not."""
    folder = tmp_path_factory.mktemp('coloured')
    bag = write_coloured_bag(folder / 'bag', 12, hidden=(4, 5, 6, 11))
    prompts = ['--prompt', 'the purple ball', '--prompt', 'the yellow <van>']
    status, _ = replay(bag, folder / 'out', '--stack', 'colour', *prompts)
    assert status == 0
    return folder / 'out'


def test_the_page_needs_no_network_and_can_be_heard(coloured: Path) -> None:
    text = (coloured / 'report.html').read_text()
    page = Reader(text)
    assert page.open == []
    assert page.wordless == 0
    assert page.references
    assert all(reference.startswith('data:image/jpeg;base64,') for reference in page.references)
    assert not re.search(r'https?://|<(script|link|iframe)\b|@import|url\(', text)
    assert len(text) < MOST_BYTES


def test_the_page_suits_a_phone_and_a_dark_room(coloured: Path) -> None:
    text = (coloured / 'report.html').read_text()
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert '@media (prefers-color-scheme: dark)' in text
    assert '@media (max-width: 620px)' in text


def test_the_page_says_what_was_asked_and_found(coloured: Path) -> None:
    text = (coloured / 'report.html').read_text()
    for words in (
        '“the purple ball”, “the yellow &lt;van&gt;” in bag', 'Stack “colour”',
        'the purple ball #1', '“the purple ball” found', 'HOTA', 'Against the truth',
        'mmp replay', 'colour_tracker', 'ms, 95 %', 'torch', 'cpu', 'commit',
    ):  # fmt: skip
        assert words in text, words
    assert '<van>' not in text
    assert 'class="good" style="left:' in text, 'the lane of the prompt'
    assert 'Not scored: “the yellow &lt;van&gt;”' in text


def test_a_track_that_was_hidden_has_two_stays(coloured: Path) -> None:
    text = (coloured / 'report.html').read_text()
    lane = re.search(r'aria-label="the purple ball #1: ([^"]*)"', text)
    assert lane is not None
    assert len(lane[1].split('; ')) == 2


def test_the_report_is_made_anew(coloured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (coloured / 'report.html').read_text()
    (coloured / 'report.html').unlink()
    assert mmp.main(['report', str(coloured)]) == 0
    assert str(coloured / 'report.html') in capsys.readouterr().out
    assert (coloured / 'report.html').read_text() == before


def test_a_recording_has_a_page_without_a_summary(coloured: Path, tmp_path: Path) -> None:
    text = write_run_report(coloured / 'bag', tmp_path / 'page.html').read_text()
    assert 'A recording of' in text
    assert 'the purple ball #1' in text
    assert 'How fast' not in text


def test_what_is_no_result_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mmp.main(['report', str(tmp_path)]) == 2
    assert 'a folder of mmp replay, or a bag' in capsys.readouterr().err


def failing_stack(folder: Path) -> str:
    node = {'plugin': 'fake', 'inputs': {'image': 'auto'}, 'parameters': {'mode': 'raise'}}
    path = folder / 'masker.yaml'
    path.write_text(yaml.safe_dump({'nodes': {'masker': node}}))
    return str(path)


def test_what_failed_is_not_shown_as_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fakes(monkeypatch)
    bag = write_shape_bag(tmp_path / 'shape')
    status, text = replay(bag, tmp_path / 'out', '--stack', failing_stack(tmp_path))
    assert status == 1
    assert Reader(text).open == []
    assert 'masker failed 6 times: ' in text
    assert 'made to fail' in text
    assert '<span class="bad">failed</span>' in text
    assert 'this is not “nothing”' in text
    assert 'nothing was found' not in text


def test_times_of_a_camera_that_does_not_stamp_are_those_of_the_bag(tmp_path: Path) -> None:
    bag = write_coloured_bag(tmp_path / 'bag', 12, is_stamped=False)
    prompt = ('--prompt', 'the purple ball')
    status, text = replay(bag, tmp_path / 'out', '--stack', 'colour', *prompt)
    assert status == 0
    assert 'times are those of the recording: /colour_tracker/output/masks/detections' in text
    assert '/prompt' not in re.findall('those of the recording: .*', text)[0]
    captions = re.findall(r'<figcaption>(\d\.\d) s: “?the purple ball', text)
    assert captions == ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0', '1.1']
    assert 'the purple ball #1: 0.0 to 1.1 s' in text
    assert 'stamp to result' not in text
    assert '-1700000000' not in text


def test_a_damaged_result_is_told(coloured: Path, tmp_path: Path) -> None:
    (tmp_path / 'summary.json').write_text((coloured / 'summary.json').read_text())
    text = write_run_report(tmp_path).read_text()
    assert 'the bag of the result cannot be read' in text
    assert Reader(text).open == []


def test_the_summary_says_by_what_it_was_made(coloured: Path) -> None:
    summary = json.loads((coloured / 'summary.json').read_text())
    assert {'mm_perception', 'python', 'torch', 'commit'} <= summary['versions'].keys()
    assert {'cpu', 'cores', 'memory'} <= summary['machine'].keys()
    assert summary['messages'] == summary['of_messages']
