"""How the package hangs together: imports point one way, and the names it offers are counted."""

import ast
import importlib
import inspect
import re
import types
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import serkit

ROOT = Path(serkit.__file__).parent
# What a part of the package may know of; a part is a module or a folder of them.
ALLOWED = {
    "cli": {
        *("verifying", "jobs", "planning", "notebooks", "page", "report", "papers", "corpora", "errors"),
        *("statistics", "predict", "progress", "download", "emobox", "grading", "files", "metrics"),
    },
    "download": {"archives", "transfer", "corpora", "files", "progress", "errors"},
    "archives": {"transfer", "files", "errors"},
    "transfer": {"files", "progress", "errors"},
    "emobox": {"corpora", "splits", "files", "errors"},
    "grading": {"corpora", "splits", "statistics", "metrics", "audio", "progress", "files", "errors"},
    "listening": {"audio", "metrics", "errors"},
    "page": {"papers", "files", "errors"},
    "jobs": {"notebooks", "devices", "corpora", "progress", "errors"},
    "notebooks": {
        *("verifying", "planning", "shards", "stamps", "training", "report", "papers", "corpora", "progress"),
        *("errors", "files", "devices", "solutions"),
    },
    "stamps": {"files", "fingerprints", "solutions", "study"},
    "solutions": {"files", "errors"},
    "report": {"stamps", "study", "papers", "corpora", "statistics", "metrics", "plots", "files", "errors", "audio"},
    "baselines": {"features", "report", "splits", "metrics", "errors"},
    "study": {
        *(
            "splits",
            "verifying",
            "attempts",
            "checkpoints",
            "shards",
            "planning",
            "training",
            "devices",
            "fingerprints",
            "modelfiles",
        ),
        *("fingerprints", "files", "progress", "errors", "layers"),
    },
    "predict": {
        *("modelfiles", "features", "batches", "layers", "inspection", "fuzzy", "metrics", "plots", "audio", "files"),
        *("papers", "corpora", "errors"),
    },
    "modelfiles": {"errors"},
    "attempts": {"cluster", "files", "errors"},
    "shards": {"errors"},
    "checkpoints": {"files", "errors"},
    "cluster": {"devices", "progress", "errors"},
    "verifying": {"planning", "progress", "errors"},
    "planning": {"corpora", "audio", "files", "errors"},
    "training": {"checkpoints", "planning", "inspection", "devices", "metrics", "progress", "errors"},
    "adversarial": {"checkpoints", "planning", "metrics", "progress", "errors", "losses", "training"},
    "inspection": {"layers", "errors"},
    "batches": {"features", "devices", "errors"},
    "layers": {"errors"},
    "losses": {"errors"},
    "fusion": {"errors"},
    "fuzzy": {"errors", "metrics"},
    "comparing": {"baselines", "statistics", "splits", "metrics", "papers", "files", "errors"},
    "statistics": {"metrics", "errors"},
    "splits": {"files", "errors"},
    "plots": {"metrics", "errors"},
    "features": {"audio", "files", "fingerprints", "progress", "errors"},
    "corpora": {"audio", "files", "errors", "metrics", "progress", "papers", "splits"},
    "fingerprints": {"files", "errors"},
    "papers": {"errors"},
    "audio": {"files", "errors"},
    "metrics": {"errors"},
    "progress": {"files", "errors"},
    "files": {"errors"},
    "devices": {"errors"},
    "errors": set(),
}


# What a corpus' two modules have: a new corpus adds no other names.
OF_A_CORPUS = re.compile(
    r"serkit\.corpora\.(loaders\.\w+\.(read|check|count|whole|words|ratings|trajectories)|miniatures\.\w+\.write)"
)


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ["serkit", *path.relative_to(ROOT).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.Module, known: set[str], everywhere: bool) -> set[str]:
    """The package's modules that a module imports: at its top level, or inside functions too."""
    found = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= inner or ({node.module} & known)
    return found


def part_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


def test_no_import_circle():
    trees = modules()
    graph = {name: imported(tree, set(trees), everywhere=False) - {name} for name, tree in trees.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import one another: {' -> '.join(error.args[1])}")
    assert len(order) == len(graph) > 40


def test_imports_point_one_way():
    trees = modules()
    for name, tree in trees.items():
        part = part_of(name)
        if part in ("", "__main__"):
            continue
        known = {part_of(other) for other in imported(tree, set(trees), everywhere=True)} - {part, ""}
        assert known <= ALLOWED[part], f"{name} imports {sorted(known - ALLOWED[part])}"
    try:
        TopologicalSorter(ALLOWED).prepare()
    except CycleError as error:
        pytest.fail(f"the parts may not know one another: {error.args[1]}")


def test_fewer_public_names_than_before():
    """213 functions and classes were public before layers, batches and corpora became packages.

    What can be done since that could not be done then does not count, nor what every loader and miniature has.
    """
    new = {"layers.recurrent.LSTM", "study.compiled", "study.remembered", "training.limit_threads", "jobs.execute_all"}
    new |= {"devices.accelerators", "devices.share_memory", "stamps.made_of", "stamps.write", "stamps.holds"}
    new |= {"devices.threads", "jobs.usual_number", "files.json_text", "files.csv_text", "files.digests"}
    # A notebook that is run by hand: nothing but its own words, and one bar.
    new |= {"notebooks.quiet", "progress.in_kernel"}
    new |= {"notebooks.plan"} | {
        f"planning.{name}" for name in ("Trial", "trial", "trials", "shortened", "active", "note", "read")
    }
    new |= {f"planning.{name}" for name in ("PassedOver", "full_size", "table", "summary", "run_cells")}
    # Baselines, and the folds of a published benchmark (a third kind of division that a corpus brings along).
    new |= {
        f"baselines.{name}"
        for name in ("summaries", "vectors", "names", "predict", "z_norm_by_speaker", "linear_trajectory")
    }
    new |= {"features.functionals.egemaps", "splits.by_fold", "papers.cited", "papers.smallest_counts"}
    # Every model of every paper side by side, two corpora, and sentences that nobody has said.
    new |= {"statistics.all_pairs", "statistics.holm"} | {
        f"comparing.{name}"
        for name in (
            *("Study", "Group", "read", "grouped", "common_protocol", "costs"),
            *("shares", "ranks", "ensemble", "over_seeds", "chosen_elsewhere", "differences"),
            *("decisions", "agreement", "difficulty"),
            *("two_corpora", "across", "write_manifest", "unseen_sentences", "fewer_sentences"),
        )
    }
    new |= {"features.normalisation.Standardisation"}  # zhao2018 without its whitening
    new |= {"page.write"}
    new |= {"cluster.client", "cluster.each", "devices.gpus", "jobs.usual_workers"}
    # Where results come from.
    new |= {"splits.listed", "splits.fingerprint", "stamps.source"}
    new |= {f"verifying.{name}" for name in ("active", "offer", "verify", "compare", "read", "table", "judge")}
    # Studies on many machines, of which parts may fail or be stopped.
    new |= {
        "attempts.do_all",
        "files.locked",
        "files.nothing_can_be_kept",
        "notebooks.do_share",
        "report.whole_folds",
        "study.missing",
    }
    new |= {"files.make_folder", "audio.piece"} | {
        f"shards.{name}" for name in ("end", "active", "parsed", "share", "note", "read", "open_ends")
    }
    new |= {f"checkpoints.{name}" for name in ("of_run", "Epochs", "Training")} | {"planning.note_stores"}
    # Models that anybody can use.
    new |= {f"modelfiles.{name}" for name in ("describe", "manifest", "statistics")} | {"study.small"}
    new |= {f"predict.{name}" for name in ("Answer", "Model", "load", "choose", "facts_of", "accuracies", "plot")}
    new |= {"devices.unused", "batches.stored.Stored"}  # a GPU that nobody uses; what batches need of one recording
    # Corpora that are open to everybody, and the lists of a benchmark.
    new |= {"download.place", "download.fetch", "archives.unpack", "archives.git_tree"}
    new |= {f"transfer.{name}" for name in ("fetch", "require_space", "shown_size")}
    new |= {f"emobox.{name}" for name in ("write_lists", "read_lists", "write_manifest")}
    # Open corpora, whose files' names say all.
    new |= {f"corpora.named_files.{name}" for name in ("find", "rows_of", "table_of", "unlisted", "missing_problems")}
    new |= {f"corpora.named_files.{name}" for name in ("counted", "by_speaker", "published", "compare")}
    new |= {"corpora.miniatures.acted.Line", "corpora.miniatures.acted.record"}
    # Classes: what they predict is graded, and what they see is heard.
    new |= {
        f"grading.{name}"
        for name in (
            "Key",
            "read_key",
            "key_of",
            "divided",
            "read_predictions",
            "submissions",
            "ranking",
            "hand_out",
            "plain",
            "least_speakers",
        )
    }
    new |= {f"listening.{name}" for name in ("source", "players", "confusion")}
    new |= {f"solutions.{name}" for name in ("of", "without", "changed")}  # of the exercises
    new |= {"files.nbformat"}  # without what it loads in vain
    public = [
        f"{name}.{node.name}"
        for name, tree in modules().items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    public = set(public) - {f"serkit.{name}" for name in new}
    public = {name for name in public if not OF_A_CORPUS.fullmatch(name)}
    assert len(public) < 180, len(public)  # 33 were of the eight corpora of then
    assert len(public) > 100


def test_every_public_name_says_what_it_does():
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{name}.{node.name} has no docstring"


LIBRARIES = {"keras", "numpy", "torch"}


def test_names_in_docstrings_are_there():
    """A name with a dot between single backticks, such as `splits.by_fold`, is one of ours or a library's."""
    loaded = {name.removeprefix("serkit."): importlib.import_module(name) for name in modules()}
    classes = {name: item for one in loaded.values() for name, item in vars(one).items() if isinstance(item, type)}
    missing = []
    for name, module in loaded.items():
        known = {**classes, **loaded, **vars(module)}
        for text in docstrings(module):
            names = [dotted.removeprefix("serkit.") for dotted in re.findall(r"(?<!`)`([\w.]+\.\w+)`(?!`)", text)]
            missing += [f"{name}: {dotted}" for dotted in names if not is_there(dotted, known)]
    assert not missing


def docstrings(module: types.ModuleType) -> list[str]:
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) or "" for node in nodes if isinstance(node, kinds)]


def is_there(dotted: str, known: dict) -> bool:
    """Whether the longest beginning that is known has the rest as attributes or, of a dataclass, as fields."""
    parts = dotted.split(".")
    if parts[0] in LIBRARIES:
        return True
    count = next((count for count in range(len(parts), 0, -1) if ".".join(parts[:count]) in known), 0)
    found = known.get(".".join(parts[:count]))
    for part in parts[count:]:
        if part in getattr(found, "__annotations__", {}):
            return True
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return count > 0
