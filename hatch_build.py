"""Compiles the hot path of `dns/` to C with mypyc, where a build of the wheel asks for it.

A build asks for it with hatchling's own switch, `HATCH_BUILD_HOOKS_ENABLE=1`; `make wheel` does. It needs a C
compiler and Python's headers. Every other build makes the wheel that runs everywhere, and an editable installation
stays interpreted in any case: what is edited is what runs.

Which modules are compiled stands in pyproject.toml; which may not be, and why, in
docs/adr/0023-the-hot-path-is-compiled.md. Their sources are in the wheel as well: of two that stand side by side,
Python takes the compiled one.
"""

import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledModulesHook(BuildHookInterface):  # type: ignore[type-arg]  # the wheel builder's settings matter to nobody here
    """Adds the compiled modules to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name what was made. Exits with the compiler's messages where that fails."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="hallpass-compiled-")
        made = compile_modules(Path(self.root), self.config["modules"], Path(self._folder.name))
        build_data["force_include"].update({str(path): name for name, path in made.items()})
        build_data["pure_python"] = False
        build_data["infer_tag"] = True  # this Python, this kind of machine

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 (as it is called)
        """Remove what was made on the way."""
        if version != "editable":
            self._folder.cleanup()


def compile_modules(root: Path, modules: list[str], folder: Path) -> dict[str, Path]:
    """Compile modules of a source tree; return each file that was made by its place in the wheel."""
    # Only who compiles needs these.
    from mypyc.build import mypycify  # noqa: PLC0415 (see the line above)
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    files = [module.replace(".", "/") + ".py" for module in modules]
    with chdir(root):  # mypyc names modules by their paths
        extensions = mypycify(
            ["--config-file", "pyproject.toml", *files], target_dir=str(folder / "c"), group_name="hallpass"
        )
        for extension in extensions:
            extension.extra_compile_args.append("-g0")  # what a debugger wants is ten times as large
        command = build_ext(Distribution({"name": "hallpass", "ext_modules": extensions}))
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "o")
        command.ensure_finalized()
        command.run()
    built = folder / "lib"
    return {path.relative_to(built).as_posix(): path for path in sorted(built.rglob("*.so"))}
