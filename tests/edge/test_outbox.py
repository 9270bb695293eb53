"""The queue in memory: oldest first, nothing lost but what is counted, the same order after a broken line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgepose.outbox import Letter, MemoryOutbox


def letters(count: int) -> list[Letter]:
    return [Letter("t", str(number).encode(), 0) for number in range(count)]


def bodies(outbox: MemoryOutbox) -> list[int]:
    """Takes everything."""
    taken = []
    while (one := outbox.take()) is not None:
        taken.append(int(one[1].body))
    return taken


def test_taken_letters_stay_until_done_and_come_again_in_order() -> None:
    outbox = MemoryOutbox(10)
    for letter in letters(4):
        assert outbox.put(letter) == 0
    tickets = [one[0] for one in (outbox.take(), outbox.take(), outbox.take()) if one is not None]
    outbox.done(tickets[1])
    assert len(outbox) == 3
    outbox.rewind()
    assert bodies(outbox) == [0, 2, 3]
    outbox.done(tickets[1])
    assert len(outbox) == 3


def test_the_oldest_waiting_letter_gives_way() -> None:
    outbox = MemoryOutbox(2)
    first, second, third, fourth = letters(4)
    outbox.put(first)
    outbox.take()
    assert [outbox.put(letter) for letter in (second, third, fourth)] == [0, 0, 1]
    assert len(outbox) == 3
    outbox.rewind()
    assert bodies(outbox) == [0, 2, 3]


@given(st.integers(1, 5), st.lists(st.sampled_from(["put", "take", "done", "rewind"]), max_size=60))
def test_every_letter_is_delivered_in_order_or_counted(capacity: int, steps: list[str]) -> None:
    outbox = MemoryOutbox(capacity)
    stock = iter(letters(60))
    put = dropped = 0
    taken: dict[int, int] = {}
    delivered: list[int] = []
    for step in steps:
        if step == "put":
            dropped += outbox.put(next(stock))
            put += 1
        elif step == "take" and (one := outbox.take()) is not None:
            taken[one[0]] = int(one[1].body)
            assert list(taken.values()) == sorted(taken.values())
        elif step == "done" and taken:
            ticket = min(taken)
            delivered.append(taken.pop(ticket))
            outbox.done(ticket)
        elif step == "rewind":
            taken.clear()
            outbox.rewind()
        assert len(outbox) + len(delivered) + dropped == put
    outbox.rewind()
    all_of_them = delivered + bodies(outbox)
    assert all_of_them == sorted(set(all_of_them)), "in order, none twice"
    assert len(all_of_them) + dropped == put
