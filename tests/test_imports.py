"""The house's import rules, read from the source: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

EDGE = Path(__file__).parents[1] / "edge" / "edgepose"
TRAINER = Path(__file__).parents[1] / "trainer" / "edgepose_trainer"

BASE = {"types", "skeletons", "geometry", "errors"}
STAGES = {"estimator", "tracker", "window", "classifier", "lifter", "spotter", "mqtt", "recorder"}
PLUG_INS = ("sources", "runtimes", "decoders")
PICKS_PLUG_INS = {"build", "models"}
HEAVY = {
    "ai_edge_litert": {"runtimes.litert"},
    "tflite_runtime": {"runtimes.litert"},
    "amqtt": {"broker"},
    "lap": {"association"},
    "lightgbm": set(),
    "onnxruntime": {"runtimes.onnx"},
    "paho": {"mqtt_link", "subscriber"},
    "pyarrow": {"parquet"},
    "scipy": set(),
    "torch": set(),
}


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module named by an import statement, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module.split(".")[0] == "edgepose":
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


GRAPH = {module_name(path, EDGE): imports(path) for path in EDGE.rglob("*.py")}


def ours(names: set[str]) -> set[str]:
    """Our modules among imported names, without the package's name; names of objects are left out."""
    inside = {name.removeprefix("edgepose.") for name in names if name.startswith("edgepose.")}
    return inside & set(GRAPH)


def test_the_graph_was_read() -> None:
    assert "types" in GRAPH
    assert ours(GRAPH["estimator"]) >= {"decoders", "runtimes", "types"}


@pytest.mark.parametrize("module", sorted(BASE))
def test_base_modules_import_only_each_other_numpy_and_the_standard_library(module: str) -> None:
    outside = {name.split(".")[0] for name in GRAPH[module]} - set(sys.stdlib_module_names)
    assert outside <= {"edgepose", "numpy", "cv2"}
    assert ours(GRAPH[module]) <= BASE


def test_types_imports_nothing_of_ours() -> None:
    assert not ours(GRAPH["types"])


@pytest.mark.parametrize("module", [m for m in sorted(GRAPH) if m.startswith(tuple(f"{k}." for k in PLUG_INS))])
def test_a_plug_in_imports_no_sibling(module: str) -> None:
    kind = module.split(".")[0]
    assert not {name for name in ours(GRAPH[module]) if name.startswith(f"{kind}.")}


@pytest.mark.parametrize("module", sorted(STAGES & set(GRAPH)))
def test_a_stage_imports_no_other_stage(module: str) -> None:
    assert not ours(GRAPH[module]) & (STAGES - {module})


def test_only_two_modules_pick_plug_ins() -> None:
    for module, names in GRAPH.items():
        chosen = {name for name in ours(names) if name.startswith(tuple(f"{k}." for k in PLUG_INS))}
        if module not in PICKS_PLUG_INS and module != "classifier":
            assert not chosen, f"{module} imports {chosen}"


def test_the_pipeline_is_handed_built_objects() -> None:
    assert ours(GRAPH["pipeline"]) <= {"types", "decoders"}


def test_the_device_never_imports_the_trainer() -> None:
    for module, names in GRAPH.items():
        assert not {n for n in names if n.startswith("edgepose_trainer")}, module


@pytest.mark.parametrize("library", sorted(HEAVY))
def test_a_heavy_library_is_imported_in_one_place(library: str) -> None:
    users = {module for module, names in GRAPH.items() if any(n.split(".")[0] == library for n in names)}
    assert users <= HEAVY[library]


def test_the_command_line_starts_light() -> None:
    code = "import sys, edgepose.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightgbm", "cv2", "onnxruntime", "ai_edge_litert", "numpy", "pyarrow"} & set(loaded)
