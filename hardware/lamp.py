"""The lamp: something that can be lit and put out. Three ways to do it, chosen by settings.

- `GpioLamp`: an LED on a pin of a Pi, through gpiozero over RPi.GPIO (or rpi-lgpio, which provides that module).
- `ActivityLamp`: the Pi's own activity LED through `/sys/class/leds`, for a room without soldering.
- `SimulatedLamp`: a file that says "on REASON" or "off", for a developer's machine and for tests.

A lamp knows nothing of patterns or reasons beyond the words it is given, and never raises after it was made:
a broken lamp must not stop the log.
"""

import contextlib
import shutil
from pathlib import Path
from typing import Protocol

from hardware.errors import HardwareError

ACTIVITY_LED = Path("/sys/class/leds/ACT")


class Lamp(Protocol):
    """Something that can be lit."""

    @property
    def has_words(self) -> bool:
        """Whether it shows the reason itself, so that it needs no rhythm to be told apart."""

    def turn_on(self, reason: str) -> None:
        """Light it; `reason` is a word for people ("refused"), shown where the lamp can show words."""

    def turn_off(self) -> None:
        """Put it out."""

    def close(self) -> None:
        """Put it out and give back what it holds."""


class SimulatedLamp:
    """Writes what it shows into a file, whole, by renaming."""

    has_words = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.turn_off()

    def turn_on(self, reason: str) -> None:
        """Write "on REASON"."""
        self._write(f"on {reason}")

    def turn_off(self) -> None:
        """Write "off"."""
        self._write("off")

    def close(self) -> None:
        """Leave the file saying "off"."""
        self.turn_off()

    def _write(self, text: str) -> None:
        temporary = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            for one in (temporary, self._path):
                if one.exists() and not one.is_file():  # a folder, a pipe: damage, and it has to make way
                    shutil.rmtree(one) if one.is_dir() else one.unlink()
            try:
                temporary.write_text(text + "\n")
                temporary.replace(self._path)
            except OSError:  # a full disk: the file has its block already
                temporary.unlink(missing_ok=True)
                with self._path.open("r+b", buffering=0) as shown:
                    shown.write(f"{text}\n".encode())
                    shown.truncate()


class GpioLamp:
    """An LED on a pin, by its BCM number."""

    has_words = False

    def __init__(self, pin: int) -> None:
        from gpiozero import LED  # noqa: PLC0415 (only a Pi has pins; elsewhere this import must not happen)

        try:
            self._led = LED(pin)
        except Exception as problem:  # each library behind gpiozero has errors of its own (lgpio.error)
            raise HardwareError(f"the lamp on pin {pin} cannot be used: {problem}") from problem

    def turn_on(self, reason: str) -> None:  # noqa: ARG002 (an LED has no words)
        """Light the LED."""
        with contextlib.suppress(Exception):  # as above: whatever it is, it must not stop the log
            self._led.on()

    def turn_off(self) -> None:
        """Put the LED out."""
        with contextlib.suppress(Exception):
            self._led.off()

    def close(self) -> None:
        """Release the pin."""
        with contextlib.suppress(Exception):
            self._led.close()


class ActivityLamp:
    """The board's own activity LED. Takes it over from its trigger, and gives it back when closed."""

    has_words = False

    def __init__(self, folder: Path = ACTIVITY_LED) -> None:
        self._brightness = folder / "brightness"
        self._trigger = folder / "trigger"
        try:
            triggers = self._trigger.read_text()
            self._before = triggers.partition("[")[2].partition("]")[0] or "none"
            self._trigger.write_text("none")
            self._brightness.write_text("0")
        except OSError as problem:
            raise HardwareError(f"the activity LED cannot be used: {problem.strerror}") from problem

    def turn_on(self, reason: str) -> None:  # noqa: ARG002 (an LED has no words)
        """Light the LED."""
        with contextlib.suppress(OSError):
            self._brightness.write_text("1")

    def turn_off(self) -> None:
        """Put the LED out."""
        with contextlib.suppress(OSError):
            self._brightness.write_text("0")

    def close(self) -> None:
        """Give the LED back to the trigger it had."""
        self.turn_off()
        with contextlib.suppress(OSError):
            self._trigger.write_text(self._before)


def make_lamp(driver: str, pin: int, simulated: Path) -> Lamp:
    """Return the lamp that settings ask for ("auto", "gpio", "activity" or "simulated").

    "auto" takes the pin on a Pi, and simulates elsewhere. Raises HardwareError.
    """
    if driver == "auto":
        driver = "gpio" if _is_a_pi() else "simulated"
    if driver == "gpio":
        return GpioLamp(pin)
    if driver == "activity":
        return ActivityLamp()
    return SimulatedLamp(simulated)


def _is_a_pi(model: Path = Path("/proc/device-tree/model")) -> bool:
    try:
        return "Raspberry Pi" in model.read_text(errors="replace")
    except OSError:
        return False
