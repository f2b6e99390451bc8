"""Turns: never too many inside, and nobody overtakes."""

import threading
import time

import pytest

from recsys.turns import Turns


def test_never_more_than_so_many_at_once():
    turns, lock, inside, most = Turns(3), threading.Lock(), 0, 0

    def come() -> None:
        nonlocal inside, most
        for _ in range(20):
            with turns:
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0005)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 3 and inside == 0


def test_who_came_first_goes_first():
    turns, order = Turns(1), []

    def come(number: int) -> None:
        with turns:
            order.append(number)

    with turns:
        threads = []
        for number in range(12):
            thread = threading.Thread(target=come, args=(number,))
            thread.start()
            while len(turns._waiting) <= number:
                time.sleep(0.001)
            threads.append(thread)
    for thread in threads:
        thread.join(20)
    assert order == list(range(12))


def test_a_failure_inside_gives_the_place_back():
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), turns:
            raise RuntimeError
    with turns:
        pass
    with pytest.raises(ValueError, match="1 or more"):
        Turns(0)
