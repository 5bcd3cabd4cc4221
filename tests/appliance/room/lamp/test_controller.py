"""The light of a room, told with a clock that only moves when it is told to."""

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.room import button_pause
from appliance.room.conditions import Condition
from appliance.room.lamp.button import RoomButton
from appliance.room.lamp.controller import LampController


class Timer(asyncio.TimerHandle):
    """A call that is due at a time of the story's clock."""


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until `pass_by`."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0
        self._due: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0

    def time(self) -> float:
        return self._now

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: object = None
    ) -> Timer:
        handle = Timer(when, callback, args, self)
        self._number += 1
        heapq.heappush(self._due, (when, self._number, handle))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: object, context: object = None
    ) -> Timer:
        return self.call_at(self._now, callback, *args)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def pass_by(self, seconds: float) -> None:
        end = self._now + seconds
        while self._due and self._due[0][0] <= end + 1e-9:
            when, _, handle = heapq.heappop(self._due)
            self._now = max(self._now, when)
            if not handle.cancelled():
                handle._run()
        self._now = end


class Shown:
    """A lamp that remembers what it showed, and when."""

    has_words = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.states: list[tuple[float, str]] = []

    def turn_on(self, reason: str) -> None:
        self._note(reason)

    def turn_off(self) -> None:
        self._note("off")

    def close(self) -> None:
        self._note("off")

    def _note(self, what: str) -> None:
        if not self.states or self.states[-1][1] != what:
            self.states.append((round(self._clock.time() - 1000.0, 2), what))


@pytest.fixture
def clock() -> Iterator[Clock]:
    loop = Clock()
    yield loop
    loop.close()


@pytest.fixture
def lamp(clock: Clock) -> Shown:
    return Shown(clock)


@pytest.fixture
def light(clock: Clock, lamp: Shown) -> LampController:
    return LampController(lamp, clock)


def test_a_refusal_lights_the_lamp_at_once_and_for_a_second(
    clock: Clock, lamp: Shown, light: LampController
) -> None:
    light.flash_for_block("a")
    clock.pass_by(5)
    assert lamp.states == [(0.0, "refused"), (1.0, "off")]


def test_a_refusal_in_the_short_darkness_is_shown_after_it(
    clock: Clock, lamp: Shown, light: LampController
) -> None:
    light.flash_for_block("a")
    clock.pass_by(1.05)
    light.flash_for_block("b")
    clock.pass_by(0.2)
    assert lamp.states == [(0.0, "refused"), (1.0, "off"), (1.15, "refused")]


def test_a_device_that_is_refused_over_and_over_does_not_drum(
    clock: Clock, lamp: Shown, light: LampController
) -> None:
    for _ in range(600):
        light.flash_for_block("a")
        clock.pass_by(0.1)
    flashes = [at for at, what in lamp.states if what == "refused"]
    assert len(flashes) <= 5 + 60 / 3 + 1
    light.flash_for_block("b")
    clock.pass_by(0.2)
    assert lamp.states[-1][1] == "refused", "another device is shown at once"


def test_a_flood_of_many_devices_stays_below_three_flashes_a_second(
    clock: Clock, lamp: Shown, light: LampController
) -> None:
    for number in range(1000):
        light.flash_for_block(f"device {number % 200}")
        clock.pass_by(0.01)
    flashes = [at for at, what in lamp.states if what == "refused"]
    assert all(later - earlier >= 1 for earlier, later in pairwise(flashes))


def test_trouble_has_its_rhythm_until_it_is_over(clock: Clock, lamp: Shown, light: LampController) -> None:
    light.show_condition(Condition.UPSTREAM_DOWN)
    clock.pass_by(3.0)
    light.show_condition(None)
    clock.pass_by(10)
    assert lamp.states == [
        (0.0, "upstream-down"), (0.3, "off"), (0.6, "upstream-down"), (0.9, "off"), (2.9, "upstream-down"),
        (3.0, "off"),
    ]  # fmt: skip


def test_a_refusal_is_seen_through_trouble(clock: Clock, lamp: Shown, light: LampController) -> None:
    light.show_condition(Condition.CENTRAL_UNREACHABLE)
    clock.pass_by(2.0)
    light.flash_for_block("a")
    clock.pass_by(0.5)
    assert lamp.states[-1] == (2.0, "refused")
    clock.pass_by(1.0)
    assert lamp.states[-1][1] in {"central-unreachable", "off"}


def test_what_was_acknowledged_is_dark_until_something_new_comes(
    clock: Clock, lamp: Shown, light: LampController
) -> None:
    light.show_condition(Condition.LISTS_STALE)
    light.acknowledge_condition()
    clock.pass_by(60)
    assert lamp.states[-1][1] == "off"
    light.show_condition(Condition.DISK_TROUBLE)
    assert lamp.states[-1][1] == "disk-trouble"


class Room:
    """A room with a button."""

    def __init__(self, clock: Clock, light: LampController, folder: Path, minutes: int) -> None:
        self.clock = clock
        self.file = folder / "pause.json"
        self.shut_down = 0
        asyncio.set_event_loop(None)

        async def make() -> RoomButton:
            return RoomButton(light, self.file, lambda: minutes, now=lambda: 5000.0, shut_down=self._count)

        coroutine = make()
        self.button = _made(coroutine, clock)

    def hold(self, seconds: float) -> None:
        self.button.on_press()
        self.clock.pass_by(seconds)
        self.button.on_release()
        self.clock.pass_by(0)

    def _count(self) -> None:
        self.shut_down += 1


def _made(coroutine: Coroutine[None, None, RoomButton], clock: Clock) -> RoomButton:
    asyncio._set_running_loop(clock)
    try:
        coroutine.send(None)
    except StopIteration as done:
        button: RoomButton = done.value
        return button
    finally:
        asyncio._set_running_loop(None)
    raise AssertionError("making a button waits for nothing")
    raise AssertionError


def test_five_seconds_pause_the_room_and_five_more_end_it(
    clock: Clock, light: LampController, tmp_path: Path
) -> None:
    room = Room(clock, light, tmp_path, minutes=15)
    room.hold(6)
    (pause,) = button_pause.read_button_pause(room.file, now=5000.0)
    assert pause.until.timestamp() == 5000.0 + 15 * 60
    assert button_pause.read_button_pause(room.file, now=5000.0 + 15 * 60) == ()
    room.hold(6)
    assert button_pause.read_button_pause(room.file, now=5000.0) == ()


def test_a_policy_that_lets_no_button_pause_is_kept(clock: Clock, light: LampController, tmp_path: Path) -> None:
    room = Room(clock, light, tmp_path, minutes=0)
    room.hold(6)
    assert not room.file.exists()


def test_ten_seconds_shut_down(clock: Clock, light: LampController, tmp_path: Path) -> None:
    room = Room(clock, light, tmp_path, minutes=15)
    room.hold(9)
    assert room.shut_down == 0
    room.hold(11)
    assert room.shut_down == 1


def test_the_lamp_says_what_letting_go_would_do(
    clock: Clock, lamp: Shown, light: LampController, tmp_path: Path
) -> None:
    room = Room(clock, light, tmp_path, minutes=15)
    room.button.on_press()
    clock.pass_by(4)
    assert lamp.states == []
    clock.pass_by(1.5)
    assert lamp.states[0][1] == "pause"
    clock.pass_by(5)
    assert "shut-down" in {what for _, what in lamp.states}
    room.button.on_release()
    clock.pass_by(1)
    assert lamp.states[-1][1] == "off"
