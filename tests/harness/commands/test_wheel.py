"""What is installed is one package, and folders that happen to have names of ours do not get in its way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("harness", "scenarios", "fixtures", "pyproject.toml", "setup.py", "README.md", "LICENSE")
JUNK = "raise SystemExit('this is not idchaos')\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of these sources, built beside them: a build leaves folders."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    out = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(out), str(copy)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_one_package_and_all_that_this_reads(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"idchaos"}
    data = {
        f"idchaos/{path.relative_to(ROOT / 'harness')}"
        for path in (ROOT / "harness").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert data <= set(names)
    code = {f"idchaos/{path.relative_to(ROOT / 'harness')}" for path in (ROOT / "harness").rglob("*.py")}
    assert code <= set(names)


def test_it_works_where_folders_of_these_names_hold_something_else(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    place = tmp_path / "place"
    for name in ("harness", "scenarios", "fixtures", "idchaos"):
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text(JUNK)
        (place / name / "conftest.py").write_text(JUNK)
    ended = subprocess.run(
        [sys.executable, "-P", "-c", "from idchaos.__main__ import main; main()", "list"],
        cwd=place, capture_output=True, text=True, check=False, timeout=60,
        # Before what is installed here: the copy, which knows nothing of this folder.
        env=os.environ | {"PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "jwks_outage" in ended.stdout
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import idchaos, idchaos.scenarios as s; print(idchaos.__file__, s.__file__)"],
        cwd=place, capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert all(Path(file).is_relative_to(installed) for file in where.stdout.split())


def test_a_package_index_is_shown_no_link_into_the_repository(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    text = archive.read(metadata).decode()
    assert "Content-Type: text/markdown" in text
    assert "# idchaos" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
