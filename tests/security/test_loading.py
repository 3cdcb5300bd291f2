"""Loading a file never runs code: YAML, checkpoints and arrays are loaded as data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from softloc_core.errors import ConfigError
from sweeps.study import study_from_yaml

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for name in ("softloc_core", "sweeps", "analysis") for path in (ROOT / name).rglob("*.py")
)
# Modules that restore objects by running functions named in their input.
RUNS_ITS_INPUT = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
ERRORS = {"UnpicklingError", "PickleError"}
UNSAFE_CALLS = {"eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
                "yaml.full_load", "tempfile.mktemp"}  # fmt: skip


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for the function of a call, or an empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def given(call: ast.Call, name: str) -> object:
    """Return the constant that a call passes for an argument, or None."""
    return next(
        (
            word.value.value
            for word in call.keywords
            if word.arg == name and isinstance(word.value, ast.Constant)
        ),
        None,
    )


def problems(text: str) -> Iterator[str]:
    """Yield the places of a source file that could run what they read."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS_ITS_INPUT:
            yield f"imports from {node.module}"
        if isinstance(node, ast.Import):
            aliased = [one.name for one in node.names if one.asname and one.name in RUNS_ITS_INPUT]
            yield from (f"imports {name} under another name" for name in aliased)
        if (
            isinstance(node, ast.Attribute)
            and dotted(node.value) in RUNS_ITS_INPUT
            and node.attr not in ERRORS
        ):
            yield f"uses {dotted(node)}"
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in UNSAFE_CALLS:
            yield f"calls {name}"
        if name.endswith("torch.load") and given(node, "weights_only") is not True:
            yield "calls torch.load without weights_only=True"
        if name in ("np.load", "numpy.load") and given(node, "allow_pickle") is not False:
            yield f"calls {name} without allow_pickle=False"
        if given(node, "shell") is True:
            yield f"gives shell=True to {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_runs_what_it_reads(path: Path) -> None:
    assert list(problems(path.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "pickle.loads(content)",
        "import pickle as plain",
        "from pickle import loads",
        "eval(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "subprocess.run(command, shell=True)",
    ],
)
def test_the_search_finds_unsafe_code(text: str) -> None:
    assert len(list(problems(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "yaml.safe_load(text)",
        "network.eval()",
        "pickle.UnpicklingError",
    ],
)
def test_the_search_accepts_safe_code(text: str) -> None:
    assert list(problems(text)) == []


@pytest.mark.parametrize(
    "attack",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "!!python/name:os.system",
        "!!python/object/new:subprocess.Popen [['touch', '{marker}']]",
    ],
)
@pytest.mark.parametrize("way", ["file", "override"])
def test_yaml_tags_create_no_objects(attack: str, way: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    value = attack.format(marker=marker)
    text = "name: x\ntask: simulated\ndata: plain\ntrials: 1\ndesign: random\ndescription: {}\n"
    overrides = [f"description={value}"] if way == "override" else []
    with pytest.raises(ConfigError, match="plain YAML"):
        study_from_yaml(text.format(value if way == "file" else "plain"), name="x.yaml", overrides=overrides)
    assert not marker.exists()


def test_nested_yaml_aliases_are_rejected() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        study_from_yaml("\n".join(lines), name="x.yaml")
