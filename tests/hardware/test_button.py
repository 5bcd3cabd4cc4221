"""The button: how long it was held says what it means."""

from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from hardware.button import ButtonAction, ButtonPress, GpioButton, action_for


@pytest.mark.parametrize(
    ("held", "meant"),
    [
        (0.01, ButtonAction.NOTHING),
        (0.2, ButtonAction.ACKNOWLEDGE),
        (4.9, ButtonAction.ACKNOWLEDGE),
        (5.0, ButtonAction.PAUSE),
        (9.9, ButtonAction.PAUSE),
        (10.0, ButtonAction.SHUT_DOWN),
        (60.0, ButtonAction.SHUT_DOWN),
    ],
)
def test_how_long_it_was_held_says_what_it_means(held: float, meant: ButtonAction) -> None:
    assert action_for(held) is meant


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = Device.pin_factory
    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


def test_a_press_is_told_when_the_button_comes_up(pins: MockFactory) -> None:
    clock = [100.0]
    acts: list[ButtonAction] = []
    press = ButtonPress(lambda: clock[0], acts.append)
    button = GpioButton(27, press.press_down, press.release)
    pins.pin(27).drive_low()  # the button connects the pin with ground
    clock[0] += 6
    assert press.pending_action() is ButtonAction.PAUSE
    assert acts == [], "only letting go does anything"
    pins.pin(27).drive_high()
    assert acts == [ButtonAction.PAUSE]
    assert press.pending_action() is ButtonAction.NOTHING
    button.close()


def test_coming_up_without_having_gone_down_means_nothing() -> None:
    acts: list[ButtonAction] = []
    ButtonPress(lambda: 0.0, acts.append).release()
    assert acts == []
