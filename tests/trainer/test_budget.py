"""How long a training goes on."""

from __future__ import annotations

from edgepose_trainer.lifters.budget import Budget


def test_steps_are_counted() -> None:
    assert list(Budget(4).progress()) == [0, 0.25, 0.5, 0.75]
    assert (Budget(600).pause(60), Budget(20).pause(60), Budget(600, minutes=1.0).pause(60)) == (10, 1, 100)


def test_minutes_are_of_the_processor_and_replace_the_steps() -> None:
    done = list(Budget(1, minutes=0.0005).progress())  # 30 ms
    assert len(done) > 10
    assert done == sorted(done)
    assert 0 <= done[0] < done[-1] < 1
