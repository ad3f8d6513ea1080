"""Frames of WebSockets are followed however they are cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from gateway.frames import FrameMeter, FrameTooLarge, close_frame

FRAMES = st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.CONT]), st.integers(0, 7_000))


@settings(deadline=None)
@given(st.lists(FRAMES, max_size=5), st.integers(1, 5_000), st.booleans())
def test_frames_are_followed_however_they_are_cut(frames: list[tuple[Opcode, int]], cut: int, mask: bool) -> None:
    wire = b"".join(
        Frame(opcode, bytes(min(size, 125) if opcode is Opcode.PING else size)).serialize(mask=mask) for opcode, size in frames
    )
    meter = FrameMeter(7_000)
    for at in range(0, len(wire), cut):
        assert not meter.closing
        meter.feed(wire[at : at + cut])
    assert meter.between
    meter.feed(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=mask))
    assert meter.closing


def test_a_frame_too_large_is_seen_in_its_header() -> None:
    meter = FrameMeter(100)
    header = Frame(Opcode.BINARY, bytes(101)).serialize(mask=False)[:2]
    with pytest.raises(FrameTooLarge):
        meter.feed(header)


def test_our_close_frame_is_one() -> None:
    assert close_frame(1013, "later") == Frame(Opcode.CLOSE, b"\x03\xf5later").serialize(mask=False)
