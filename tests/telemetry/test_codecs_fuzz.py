"""What the codecs promise for any bytes. `python -m tests.telemetry.fuzz_codecs` does the same by the million."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.telemetry.codeckit import HELD, MARKS, NAMES, conversation, damage, drink, encode, packet, stream

from linli.telemetry.codecs.framing import MAX_BROKEN, Broken

chances = st.randoms(use_true_random=False)
every = pytest.mark.parametrize("name", NAMES)
some = settings(max_examples=150, deadline=None)


@every
@some
@given(st.binary(max_size=3_000), st.integers(1, 50))
def test_any_bytes(name: str, data: bytes, step: int) -> None:
    drink(name, data, list(range(step, len(data), step)))


@every
@some
@given(chances)
def test_what_is_written_is_read(name: str, chance: random.Random) -> None:
    message = packet(name, chance)
    assert conversation(name).decoder.feed(encode(name, message)) == [message]


@every
@some
@given(chances, st.integers(1, 12))
def test_pieces_do_not_matter(name: str, chance: random.Random, pieces: int) -> None:
    data, _, _ = stream(name, chance, pieces)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(6)))
    assert drink(name, data, cuts) == drink(name, data, [])


@every
@some
@given(chances)
def test_a_damaged_frame_loses_only_itself(name: str, chance: random.Random) -> None:
    first, second, third = (packet(name, chance) for _ in range(3))
    hurt = damage(encode(name, second), chance)
    items = drink(name, encode(name, first) + hurt + encode(name, third), [])
    good = [item for item in items if not isinstance(item, Broken)]
    assert good in ([first, third], [first, second, third])  # the damage may be none: a letter's case, the same byte


@every
def test_a_third_of_the_inputs_have_good_check_sums(name: str) -> None:
    chance = random.Random(7)
    good = inputs = read = 0
    for _ in range(200):
        data, whole, pieces = stream(name, chance, 8)
        good, inputs = good + whole, inputs + pieces
        read += sum(not isinstance(item, Broken) for item in drink(name, data, []))
    assert good / inputs > 0.3 and read >= good * 0.97  # a cut frame before it may swallow one


@every
def test_a_stranger_is_given_up(name: str) -> None:
    one = conversation(name).decoder
    found = []
    for _ in range(1_000):
        found += one.feed(MARKS[name] + b"xx" * 1_200 + MARKS[name])
        assert len(one._rest) <= HELD[name]
    found += one.idle()
    assert one.dead and len(found) == MAX_BROKEN and all(isinstance(item, Broken) for item in found)
    assert one.feed(encode(name, packet(name, random.Random(1)))) == []
