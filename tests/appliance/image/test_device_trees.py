"""The overlays of a card compile without a warning and fit into a board's tree, labels and all."""

import subprocess
from pathlib import Path

import pytest

from appliance.image import device_trees, tools
from appliance.image.errors import ImageError
from appliance.image.recipe import Recipe, read_recipe
from appliance.image.verify import OVERLAY_FILES

RECIPE = Path(__file__).parents[3] / "image-build"
SHIPPED = sorted(source.stem for source in (RECIPE / "overlays").glob("*.dts"))
# What of a Pi 3's or 4's tree the overlays speak of, under the labels that Debian's kernel gives it.
BOARD = """\
/dts-v1/;
/ {
	#address-cells = <1>;
	#size-cells = <1>;
	thermal-zones { cpu_thermal: cpu-thermal { trips { }; cooling-maps { }; }; };
	soc {
		#address-cells = <1>;
		#size-cells = <1>;
		i2c1: i2c@7e804000 { reg = <0x7e804000 0x1000>; #address-cells = <1>; #size-cells = <0>; };
	};
	firmware { firmware: rpi-firmware { compatible = "raspberrypi,bcm2835-firmware", "simple-mfd"; }; };
};
"""
POE = ("/poe-fan", "pwm-fan"), ("/firmware/rpi-firmware/pwm", "raspberrypi,firmware-poe-pwm")
BRINGS = {
    "rtc-ds3231": (("/soc/i2c@7e804000/rtc@68", "maxim,ds3231"),),
    "rtc-pcf8523": (("/soc/i2c@7e804000/rtc@68", "nxp,pcf8523"),),
    "rtc-pcf85063a": (("/soc/i2c@7e804000/rtc@51", "nxp,pcf85063a"),),
    "rpi-poe": POE,
    "rpi-poe-plus": POE,
}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(RECIPE, {"SOURCE_DATE_EPOCH": "1"})


@pytest.fixture(scope="module")
def boot(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boot")
    device_trees.compile_each_overlay(recipe, folder)
    (folder / "board.dts").write_text(BOARD)
    device_trees.compile_device_tree(folder / "board.dts", folder / "board.dtb", folder)
    return folder


def test_every_overlay_of_the_recipe_is_on_the_card_and_looked_for() -> None:
    assert sorted(BRINGS) == SHIPPED
    assert sorted(f"overlays/{name}.dtbo" for name in SHIPPED) == sorted(OVERLAY_FILES)


@pytest.mark.parametrize("name", SHIPPED)
def test_it_fits_into_a_boards_tree(name: str, boot: Path) -> None:
    merged = boot / f"{name}.dtb"
    tools.run_tool(["fdtoverlay", "-i", boot / "board.dtb", "-o", merged, boot / f"overlays/{name}.dtbo"])
    for node, compatible in BRINGS[name]:
        assert tools.run_tool(["fdtget", merged, node, "compatible"]).decode().strip() == compatible


def test_the_fan_turns_faster_as_it_grows_hotter(boot: Path) -> None:
    merged = boot / "fan.dtb"
    tools.run_tool(["fdtoverlay", "-i", boot / "board.dtb", "-o", merged, boot / "overlays/rpi-poe.dtbo"])

    def numbers(node: str, key: str) -> list[int]:
        return [int(one) for one in tools.run_tool(["fdtget", "-t", "u", merged, node, key]).split()]

    zone = "/thermal-zones/cpu-thermal"
    trips = sorted(tools.run_tool(["fdtget", "-l", merged, f"{zone}/trips"]).decode().split())
    heat = [numbers(f"{zone}/trips/{trip}", "temperature")[0] for trip in trips]
    levels = [numbers(f"{zone}/cooling-maps/{trip}", "cooling-device")[1:] for trip in trips]
    assert heat == sorted(set(heat))
    assert max(heat) < 80_000, "a Pi slows itself down from there on"
    assert levels == [[number, number + 1] for number in range(len(numbers("/poe-fan", "cooling-levels")) - 1)]
    assert [numbers(f"{zone}/cooling-maps/{trip}", "trip") for trip in trips] == [
        numbers(f"{zone}/trips/{trip}", "phandle") for trip in trips
    ]


def test_the_same_source_gives_the_same_bytes(recipe: Recipe, boot: Path, tmp_path: Path) -> None:
    device_trees.compile_each_overlay(recipe, tmp_path)
    for name in OVERLAY_FILES:
        assert (tmp_path / name).read_bytes() == (boot / name).read_bytes()


def test_a_mistake_in_an_overlay_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.dts").write_text("/dts-v1/;\n/plugin/;\n&i2c1 { rtc@68 { reg = <0x68> } };\n")
    with pytest.raises(ImageError, match="dtc failed: ") as failed:
        device_trees.compile_device_tree(tmp_path / "wrong.dts", tmp_path / "wrong.dtbo", tmp_path)
    assert "\n" not in str(failed.value)


def test_the_shipped_sources_make_the_compiler_warn_of_nothing(tmp_path: Path) -> None:
    for name in SHIPPED:
        done = subprocess.run(
            ["dtc", "-@", "-i", RECIPE / "overlays", "-o", tmp_path / "out", RECIPE / f"overlays/{name}.dts"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""


def test_the_handbook_names_each_of_them() -> None:
    handbook = (RECIPE / "README.md").read_text()
    settings = (RECIPE / "boot/config.txt").read_text()
    for name in SHIPPED:
        assert f"`{name}`" in handbook
        assert (f"#dtoverlay={name}\n" in settings) == name.startswith("rtc-"), "HATs name theirs themselves"
