"""Builds the package's module with cmake and puts the models and GPUs beside it.

LOCKSTEP_BUILD_DIR names a build folder to use instead of build/pip, such as build/release, whose
objects are then reused. Its Python must be the one that installs.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DATA = ("configs", "hardware")


def version():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(lockstep VERSION ([\d.]+)", text).group(1)


class CMakeBuild(build_ext):
    def build_extension(self, ext):
        given = os.environ.get("LOCKSTEP_BUILD_DIR")
        folder = Path(given).resolve() if given else ROOT / "build" / "pip"
        if not given:
            subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja",
                            "-DCMAKE_BUILD_TYPE=Release", "-DLOCKSTEP_PYTHON=ON",
                            "-DLOCKSTEP_TESTS=OFF", f"-DPython_EXECUTABLE={sys.executable}"],
                           check=True)
        jobs = str(self.parallel or os.cpu_count() or 1)
        subprocess.run(["cmake", "--build", folder, "--target", "lockstep_core", "-j", jobs],
                       check=True)
        target = Path(self.get_ext_fullpath(ext.name))
        built = folder / "python" / "lockstep" / target.name
        if not built.is_file():
            raise RuntimeError(f"{built} is missing: {folder} builds for another Python")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(built, target)


class WithData(build_py):
    def run(self):
        super().run()
        if self.editable_mode:
            return  # the program looks in the project's folder anyway
        for name in DATA:
            shutil.copytree(ROOT / name, Path(self.build_lib) / "lockstep" / "data" / name,
                            dirs_exist_ok=True)


setup(version=version(), ext_modules=[Extension("lockstep._core", sources=[])],
      cmdclass={"build_ext": CMakeBuild, "build_py": WithData})
