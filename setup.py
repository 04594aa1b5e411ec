"""Builds one package, ``idchaos``, out of folders that keep their own names: ``harness/`` is ``idchaos`` itself."""

from setuptools import find_packages, setup

FOLDERS = {"idchaos": "harness", "idchaos.scenarios": "scenarios", "idchaos.fixtures": "fixtures"}

setup(
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{each}" for each in find_packages(folder)))
    ],
)
