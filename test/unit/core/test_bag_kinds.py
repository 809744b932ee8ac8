"""What is no rosbag2 is named for what it is, with what makes one of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_perception.bag.kinds import refuse_other_kinds
from mm_perception.bag.reader import BagReader
from mm_perception.diagnosis.bag import observe_bag
from mm_perception.diagnosis.delivery import nothing_arrives
from mm_perception.errors import BagError
from test.data.shape_bag import write_shape_bag


def _write(path: Path, content: bytes = b'') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('read', [BagReader, observe_bag, refuse_other_kinds])
@pytest.mark.parametrize(
    ('name', 'content', 'said'),
    [
        ('old.bag', b'#ROSBAG V2.0', 'is a bag of ROS 1; .*rosbags-convert --src .*old.bag'),
        ('old', b'#ROSBAG V2.0', 'is a bag of ROS 1'),
        ('clip.MP4', b'', r'is a film, no rosbag2; make a bag of it: mmp import .*clip\.MP4'),
        ('one.png', b'', 'is a picture, no rosbag2'),
        ('jfk.flac', b'', 'is sound, no rosbag2'),
    ],
)
def test_other_files_are_named(read, name, content, said, tmp_path: Path) -> None:
    with pytest.raises(BagError, match=said):
        read(_write(tmp_path / name, content))


@pytest.mark.parametrize('read', [BagReader, observe_bag])
def test_other_folders_are_named(read, tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r'no metadata.yaml and no .mcap file; in it: nothing'):
        read(tmp_path)
    _write(tmp_path / 'pics' / '000.png')
    with pytest.raises(BagError, match=r'such as 000.png, no rosbag2; .*mmp import .*pics'):
        read(tmp_path / 'pics')
    _write(tmp_path / 'films' / 'a.mp4')
    with pytest.raises(BagError, match=r'such as a.mp4, no rosbag2; .*mmp import .*films/a.mp4 '):
        read(tmp_path / 'films')
    _write(tmp_path / 'bags' / 'monday' / 'metadata.yaml')
    with pytest.raises(BagError, match=r'is a folder around a bag; give .*monday'):
        read(tmp_path / 'bags')
    with pytest.raises(BagError, match='does not exist; check the path'):
        read(tmp_path / 'nowhere')


def test_a_bag_without_messages_has_no_length(tmp_path: Path) -> None:
    bag = write_shape_bag(tmp_path / 'empty', num_frames=0)
    with BagReader(bag) as reader:
        assert (reader.start_ns, reader.end_ns) == (0, 0)
    snapshot = observe_bag(bag)
    assert snapshot.duration_s == 0.0
    findings = nothing_arrives(snapshot)
    assert {finding.evidence for finding in findings} == {'has no message in the bag'}
    assert all('record it again' in finding.fix for finding in findings)
