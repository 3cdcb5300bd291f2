"""Folders of recorded data, as the command line gives them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from sweeps.planning.data import DataRoots, parse_data_roots


def test_a_folder_is_common_or_belongs_to_one_task() -> None:
    roots = parse_data_roots(["a", "drums=b", "odd=c"][:2])
    assert roots == DataRoots(Path("a"), {"drums": Path("b")})
    assert (roots.of("drums"), roots.of("golf")) == (Path("b"), Path("a"))
    assert parse_data_roots(None) == DataRoots()


def test_a_folder_name_may_contain_an_equals_sign() -> None:
    assert parse_data_roots(["odd=c"]).common == Path("odd=c")
    assert parse_data_roots(["golf=x=y"]).own == {"golf": Path("x=y")}


@pytest.mark.parametrize(
    ("given", "what"), [(["a", "b"], "DIR"), (["drums=a", "golf=b", "drums=c"], "drums=DIR")]
)
def test_a_folder_given_twice_is_rejected(given: list[str], what: str) -> None:
    message = f"--data-root must be given once for each task, but got {what} twice"
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_data_roots(given)


def test_missing_and_unknown_folders_are_rejected(tmp_path: Path) -> None:
    sources = {"drums": "mdb", "golf": "synthetic"}
    with pytest.raises(ConfigError, match=r"--data-root must be a folder, but got .*none"):
        DataRoots(tmp_path / "none").validate(sources)
    with pytest.raises(ConfigError, match="must name a task of the study, drums, golf, but got piano"):
        DataRoots(None, {"piano": tmp_path}).validate(sources)
    with pytest.raises(
        ConfigError, match=re.escape("the data source mdb must be given with --data-root drums=DIR, but none")
    ):
        DataRoots(None, {"golf": tmp_path}).validate(sources)
    DataRoots(None, {"drums": tmp_path}).validate(sources)
    DataRoots(tmp_path).validate(sources)
