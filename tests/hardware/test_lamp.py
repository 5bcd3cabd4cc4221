"""Lamps: on a pin of gpiozero's own mock factory, on the board's LED, and in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from hardware.button import GpioButton
from hardware.errors import HardwareError
from hardware.lamp import ActivityLamp, GpioLamp, SimulatedLamp, make_lamp


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before = Device.pin_factory
    Device.pin_factory = MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


def test_a_lamp_on_a_pin_lights_it(pins: MockFactory) -> None:
    lamp = GpioLamp(17)
    pin = pins.pin(17)
    assert not pin.state
    lamp.turn_on("refused")
    assert pin.state
    lamp.turn_off()
    assert [state.state for state in pin.states] == [False, True, False]
    lamp.close()


def test_a_pin_that_is_taken_says_so(pins: MockFactory) -> None:
    lamp = GpioLamp(17)
    with pytest.raises(HardwareError, match="pin 17"):
        GpioLamp(17)
    lamp.close()


class OfItsOwnError(Exception):
    """As a library behind gpiozero has one (lgpio.error), of no family that gpiozero knows."""


def test_whatever_a_pins_library_raises_is_said_as_ours(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_chip(*_: object, **__: object) -> None:
        raise OfItsOwnError("can not open gpiochip")

    monkeypatch.setattr(pins, "pin", no_chip)
    with pytest.raises(HardwareError, match="pin 17 cannot be used: can not open gpiochip"):
        GpioLamp(17)
    with pytest.raises(HardwareError, match="button on pin 27"):
        GpioButton(27, lambda: None, lambda: None)


def test_a_lamp_whose_pin_fails_later_stays_dark_and_harms_nobody(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = GpioLamp(17)

    def gone(*_: object) -> None:
        raise OfItsOwnError("the chip is gone")

    monkeypatch.setattr(type(pins.pin(17)), "_set_state", gone)
    lamp.turn_on("refused")
    lamp.turn_off()
    monkeypatch.undo()
    lamp.close()


def test_the_boards_own_led_is_taken_over_and_given_back(tmp_path: Path) -> None:
    (tmp_path / "trigger").write_text("none rc-feedback [mmc0] timer\n")
    (tmp_path / "brightness").write_text("1")
    lamp = ActivityLamp(tmp_path)
    assert (tmp_path / "trigger").read_text() == "none"
    assert (tmp_path / "brightness").read_text() == "0"
    lamp.turn_on("refused")
    assert (tmp_path / "brightness").read_text() == "1"
    lamp.close()
    assert (tmp_path / "brightness").read_text() == "0"
    assert (tmp_path / "trigger").read_text() == "mmc0"


def test_a_board_without_such_an_led_says_so(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="activity LED"):
        ActivityLamp(tmp_path / "missing")


def test_a_simulated_lamp_says_what_it_shows(tmp_path: Path) -> None:
    lamp = make_lamp("simulated", 17, tmp_path / "lamp")
    assert isinstance(lamp, SimulatedLamp)
    assert (tmp_path / "lamp").read_text() == "off\n"
    lamp.turn_on("upstream-down")
    assert (tmp_path / "lamp").read_text() == "on upstream-down\n"
    lamp.close()
    assert (tmp_path / "lamp").read_text() == "off\n"
