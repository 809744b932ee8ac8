"""The memory bank of one object: what it shows to the next frame and what it drops."""

import torch

from mm_perception.nets.sam2.memory import FrameMemory, ObjectMemory


def memory_of(frame: int) -> FrameMemory:
    return FrameMemory(torch.full((4, 2), float(frame)), torch.full((8,), float(frame)))


def frames_of(tensors) -> list[int]:
    return [int(tensor.flatten()[0]) for tensor in tensors]


def filled(prompted: set[int], last: int, **options) -> ObjectMemory:
    bank = ObjectMemory(**{'num_maskmem': 4, 'max_pointers': 6, 'max_prompted': 9, **options})
    for frame in range(min(prompted), last + 1):
        bank.store(frame, memory_of(frame), is_prompted=frame in prompted)
    return bank


def test_prompted_frames_come_first_then_the_last_ones():
    view = filled({0}, last=9).view(10)
    assert frames_of(view.spatial) == [0, 7, 8, 9]
    assert view.spatial_offsets == (0, 3, 2, 1)
    assert frames_of(view.pointers) == [0, 9, 8, 7, 6, 5]
    assert view.pointer_ages == (10, 1, 2, 3, 4, 5)
    assert view.layout == (4, 6)


def test_prompted_frame_among_the_last_ones_is_not_counted_twice():
    view = filled({0, 8}, last=9).view(10)
    assert frames_of(view.spatial) == [0, 8, 7, 9]
    assert view.spatial_offsets == (0, 0, 3, 1)
    assert frames_of(view.pointers) == [0, 8, 9, 7, 6, 5]
    assert view.pointer_ages == (10, 2, 1, 3, 4, 5)


def test_first_and_most_recent_prompted_frames_stay():
    bank = filled({0, 2, 4, 6, 30}, last=40, max_prompted=3)
    assert frames_of(bank.view(41).spatial)[:3] == [0, 6, 30]


def test_without_keep_first_the_most_recent_prompted_frames_stay():
    bank = filled({0, 2, 4}, last=20, max_prompted=2, keep_first=False)
    assert frames_of(bank.view(21).spatial)[:2] == [2, 4]


def test_demoted_prompted_frame_counts_as_an_unprompted_one_while_in_reach():
    bank = filled({0, 1, 2}, last=2, max_prompted=2)
    view = bank.view(3)
    assert frames_of(view.spatial) == [0, 2, 1]
    assert view.spatial_offsets == (0, 0, 2)
    assert frames_of(bank.view(20).spatial) == [0, 2]


def test_only_what_is_in_reach_is_held():
    bank = filled({0}, last=100)
    spatial = [tensor for tensor in bank.tensors() if tensor.ndim == 2]
    pointers = [tensor for tensor in bank.tensors() if tensor.ndim == 1]
    assert len(spatial) == 1 + 3
    assert len(pointers) == 1 + 5
