"""Builds one package, ``idchaos``, out of folders that keep their own names: ``harness/`` is ``idchaos`` itself."""

import re
from pathlib import Path

from setuptools import find_packages, setup

FOLDERS = {"idchaos": "harness", "idchaos.scenarios": "scenarios", "idchaos.fixtures": "fixtures"}


def described(readme: str) -> str:
    """The README as a package index shows it: links into the repository lead nowhere there, so only words are left."""
    without_pictures = re.sub(r"^!\[[^\]]*\]\((?!https?://)[^)]*\)\n+", "", readme, flags=re.MULTILINE)
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", without_pictures)


setup(
    long_description=described((Path(__file__).parent / "README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{each}" for each in find_packages(folder)))
    ],
)
