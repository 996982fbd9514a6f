"""What people meet first: every error has been provoked, and says what is wrong, where, and what to do.

`MET` lists the situations and the tests that provoke them, in this file and in others.
"""

import ast
import contextlib
import json
import re
import runpy
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from notebook_checks import kernels

import serkit
from serkit import audio, cluster, corpora, devices, files, notebooks, papers, study
from serkit.corpora.loaders import ravdess
from serkit.errors import SerkitError

TESTS = Path(__file__).parent
ROOT = TESTS.parent
MET = {
    "no corpus at the path": (
        "corpora::test_a_missing_root_says_how_to_get_the_corpus",
        "cli::test_mistakes_are_named_at_once",
        "notebooks::test_roots_are_checked_like_any_parameter",
        "newcomers::test_a_file_where_a_folder_is_due_and_the_other_way_round",
    ),
    "wrong folder level": (
        "newcomers::test_a_folder_too_high_is_answered_with_the_right_one",
        "newcomers::test_a_folder_too_deep_says_which_one_to_give",
        "corpora::test_a_folder_without_the_corpus_says_what_is_expected",
        "corpora_ravdess::test_the_folder_of_the_archive_is_found",
        "corpora_iemocap::test_the_folder_above_the_release_is_accepted",
        "corpora_ami::test_the_meetings_folder_itself_may_be_given",
        "corpora_recola::test_a_folder_without_a_release_says_what_is_expected",
    ),
    "half-extracted archive": (
        "newcomers::test_a_file_where_a_folder_is_due_and_the_other_way_round",
        "corpora_ravdess::test_a_partial_copy_is_named_and_refused",
        "corpora_iemocap::test_a_partial_copy_is_compared_with_the_counts_of_its_own_sessions",
        "corpora_ami::test_a_download_that_stopped_early_is_an_error_that_says_how_to_resume",
        "corpora_cheavd::test_a_truncated_recording_is_named",
        "audio::test_a_truncated_file_is_refused",
    ),
    "missing labels": (
        "newcomers::test_labels_that_were_not_extracted",
        "corpora_iemocap::test_a_lost_label_shows_in_every_count_it_belongs_to",
        "corpora_manifest::test_a_wrong_line_is_named_and_refused",
        "corpora_recola::test_annotations_that_are_missing_or_of_another_length_or_rate",
    ),
    "labels of one's own": ("newcomers::test_labels_other_than_the_papers",),
    "a label with one speaker": ("corpora_manifest::test_a_wrong_line_is_named_and_refused",),
    "wrong columns of a CSV, wrong separator": (
        "corpora_manifest::test_a_wrong_header_is_refused",
        "corpora_manifest::test_a_column_of_a_usual_other_name_is_a_warning",
        "corpora_manifest::test_another_encoding_is_refused_and_unused_columns_are_noted",
    ),
    "paths of Windows, missing recordings": (
        "newcomers::test_paths_of_windows",
        "corpora_manifest::test_a_wrong_line_is_named_and_refused",
        "store::test_a_missing_file_a_double_id_and_a_nan",
    ),
    "no GPU": (
        "newcomers::test_a_gpu_that_is_asked_for_and_not_there",
        "cluster::test_without_gpus_a_worker_has_two_cores",
    ),
    "out of memory": (
        "newcomers::test_memory_that_is_used_up",
        "cluster::test_local_workers",
        "cluster::test_a_worker_that_dies_while_it_starts",
        "newcomers::test_a_kernel_that_is_killed",
    ),
    "full disk": (
        "disk::test_a_full_disk_ends_a_study_and_nothing_is_lost",
        "files::test_a_full_disk_is_said_plainly",
    ),
    "kernel not found": ("newcomers::test_no_kernel", "newcomers::test_a_kernel_of_another_python"),
    "a kernel without serkit": ("newcomers::test_a_kernel_without_serkit",),
    "port in use": ("newcomers::test_ports_that_are_taken", "study::test_no_scheduler_at_the_address"),
    "old pip, old Python": (
        "newcomers::test_an_old_python",
        "newcomers::test_what_an_old_pip_says",
    ),
    "a folder that may only be read": (
        "newcomers::test_a_cache_that_may_not_be_written",
        "files::test_a_folder_that_cannot_be_written_is_said_plainly",
        "disk::test_a_folder_that_may_only_be_read",
    ),
    "a notebook that is there already": ("cli::test_notebooks_are_copied_and_nothing_is_overwritten",),
    "interrupted": ("jobs::test_nothing_is_left_behind", "store::test_interrupted_then_only_the_rest_is_extracted"),
}


@pytest.mark.parametrize("situation", MET)
def test_each_situation_is_provoked_and_its_message_is_looked_at(situation):
    for name in MET[situation]:
        module, _, test = name.partition("::")
        tree = ast.parse((TESTS / f"test_{module}.py").read_text(encoding="utf-8"))
        (found,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == test]
        assert {"assert", "match="} & set(re.findall(r"\bassert\b|match=", ast.unparse(found))), (
            f"{name}: looks at nothing"
        )


def refused(name, root):
    with pytest.raises(SerkitError) as raised:
        corpora.load(name, root)
    return str(raised.value)


# Corpora


def touched(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


@pytest.fixture
def actors(tmp_path):
    """RAVDESS in a folder of a folder, of which names are enough."""
    return touched(tmp_path / "data" / "speech", *(f"Actor_01/{name}.wav" for name in ravdess._names_of(1)))


def test_a_folder_too_high_is_answered_with_the_right_one(actors, iemocap_miniature, tmp_path):
    said = refused("ravdess", actors.parent)
    assert said.startswith(f"no folder Actor_01 to Actor_24 in {actors.parent}\n")
    assert said.endswith(f"It seems to be further in: give {actors}")
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "release").symlink_to(iemocap_miniature)
    assert refused("iemocap", tmp_path / "copies").endswith(f"give {tmp_path / 'copies' / 'release'}")
    touched(tmp_path / "ami", "amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav")
    (tmp_path / "all" / "mine").mkdir(parents=True)
    (tmp_path / "ami").rename(tmp_path / "all" / "mine" / "ami")
    assert refused("ami", tmp_path / "all" / "mine").endswith(f"give {tmp_path / 'all' / 'mine' / 'ami'}")


@pytest.mark.parametrize(
    ("name", "inner", "said"),
    [
        ("ravdess", "Actor_01", "give the folder that holds the actors:\n  ravdess/\n    Actor_01/"),
        ("iemocap", "Session1", "give the folder that holds Session1 to Session5:\n  IEMOCAP_full_release/"),
        (
            "recola",
            "recordings_audio",
            "folder of one of these releases:\n  AVEC2016/\n    recordings_audio/",
        ),
        ("ami", "ES2002a/audio", "Give the folder that holds\n  amicorpus/<meeting>/audio/"),
        ("librispeech", "84", "give the folder LibriSpeech, or any folder of 16 kHz FLAC files"),
    ],
)
def test_a_folder_too_deep_says_which_one_to_give(name, inner, said, tmp_path):
    deep = touched(tmp_path, f"{inner}/some.wav") / inner
    found = refused(name, deep)
    assert found.startswith("no ")
    assert f" in {deep}\n" in found
    assert said in found


def test_a_file_where_a_folder_is_due_and_the_other_way_round(tmp_path):
    archive = touched(tmp_path, "Audio_Speech_Actors_01-24.zip") / "Audio_Speech_Actors_01-24.zip"
    assert refused("ravdess", archive).startswith(
        f"{archive} is a file: unpack it if it is an archive\nRAVDESS is open"
    )
    assert refused("manifest", tmp_path).startswith(f"{tmp_path} is a folder and no CSV file\nWrite a CSV file")


def test_labels_that_were_not_extracted(iemocap_miniature, tmp_path):
    shutil.copytree(iemocap_miniature, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "Session2" / "dialog")
    said = refused("iemocap", tmp_path)
    assert "Session2" in said
    assert "copy it again from the original" in said


def test_labels_other_than_the_papers(tmp_path):
    for name in ("a", "b", "c", "d"):
        audio.write(tmp_path / f"{name}.wav", np.full(800, ord(name) / 1000), 8000)
    rows = ["path,label,speaker", "a.wav,anger,anna", "b.wav,joy,anna", "c.wav,anger,ben", "d.wav,joy,ben"]
    (tmp_path / "my.csv").write_text("\n".join(rows))
    with pytest.raises(
        SerkitError, match=r"'neutral'; valid: anger, joy at .*my\.csv\. .*--set classes=anger,joy, or f"
    ):
        corpora.load("manifest", tmp_path / "my.csv").select(["neutral", "joy"])


def test_paths_of_windows(tmp_path):
    audio.write(tmp_path / "a.wav", np.full(800, 0.1), 8000)
    rows = ["path,label,speaker", r"recordings\a.wav,sad,anna", r"C:\speech\b.wav,sad,ben"]
    (tmp_path / "my.csv").write_text("\n".join(rows))
    said = refused("manifest", tmp_path / "my.csv")
    for line, path in ((2, r"'recordings\\a.wav'"), (3, r"'C:\\speech\\b.wav'")):
        assert f"my.csv:{line}: no recording {path}\n    -> a path of Windows: write / for \\, without a drive" in said


# The machine


def test_a_gpu_that_is_asked_for_and_not_there(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", list)
    for nothing in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", nothing)
        assert devices.unused() == ""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    namespace = dict(notebooks.parameters(papers.find("papers_by_numbers")))
    notebooks.begin("papers_by_numbers", namespace)
    said = shown[0].data
    assert "**No GPU.** CUDA_VISIBLE_DEVICES is '0', but " in said
    assert "is computed on the processor. To use it, install the CUDA libraries" in said
    monkeypatch.setattr(devices, "accelerators", lambda: ["a GPU"])
    assert devices.unused() == ""


def too_large_for_numpy(seed):
    return np.ones(2**50)


def too_large_for_a_gpu(seed):
    import tensorflow as tf

    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[4096,4096]")


@pytest.mark.parametrize("step", [too_large_for_numpy, too_large_for_a_gpu])
def test_memory_that_is_used_up(step, tmp_path):
    with pytest.raises(SerkitError, match=r"out of memory: lower the batch size .*--jobs 1.*fewer --workers"):
        study.Study(tmp_path, step).complete(study.grid(seed=[0]))
    (record,) = tmp_path.glob("*.failed.json")
    assert "too_large_for" in json.loads(record.read_text())["trace"], "where it happened is kept"


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Makes Jupyter start another command as its kernel python3."""

    def use(*command):
        about = {"argv": list(command), "display_name": "another", "language": "python"}
        files.write_json(tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json", about)
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    return use


def executed(tmp_path):
    with kernels(), pytest.raises(SerkitError) as raised:
        notebooks.execute("papers_by_numbers", profile="smoke", out=tmp_path / "results")
    return str(raised.value)


INSTALL = f"Type: {sys.executable} -m pip install ipykernel && {sys.executable} -m ipykernel install --sys-prefix"


def test_no_kernel(tmp_path, monkeypatch):
    def none(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", none)
    said = executed(tmp_path)
    assert said.startswith("papers_by_numbers: Jupyter finds no kernel 'python3': the kernel has to be of the Python")
    assert INSTALL in said


def test_a_kernel_of_another_python(kernel, tmp_path):
    kernel(sys.executable, "-I", "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}")
    said = executed(tmp_path)
    assert INSTALL in said
    assert "No module named ipykernel_launcher" in said, "the kernel's last words"


def test_a_kernel_that_is_killed(kernel, tmp_path):
    kernel(sys.executable, "-I", "-S", "-c", "import os; os.kill(os.getpid(), 9)")
    assert "papers_by_numbers: Kernel died" in executed(tmp_path)


def test_a_kernel_without_serkit():
    with (
        pytest.raises(SerkitError, match=r"^li2018: Jupyter's kernel 'python3' knows no serkit: .*ipykernel install"),
        notebooks._kernels("li2018", {}, None),
    ):
        raise ModuleNotFoundError("No module named 'serkit'")


def test_ports_that_are_taken(recwarn):
    """Those of Dask's scheduler and dashboard; ours are whatever is free."""
    with contextlib.ExitStack() as stack:
        for port in (8786, 8787):
            taken = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # taken indeed
                taken.bind(("127.0.0.1", port))
                taken.listen()
        with cluster.client(0, "") as client:
            assert client.scheduler.address.startswith("tcp://127.0.0.1:")
    assert [str(one.message) for one in recwarn if "already in use" in str(one.message)] == []


def test_a_cache_that_may_not_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("SERKIT_CACHE", str(tmp_path))
    with (
        pytest.raises(SerkitError, match=r"cannot be written: Read-only file system; set SERKIT_CACHE to a folder of"),
        files.atomic(tmp_path / "features" / "table.csv"),
    ):
        raise OSError(30, "Read-only file system")


# Installation


def test_an_old_python(monkeypatch):
    """The source tree used as it is; pip looks at requires-python."""
    path = Path(serkit.__file__)
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    with pytest.raises(ImportError, match=r"serkit needs Python 3\.11, 3\.12 or 3\.13; this is .* pip install -r req"):
        runpy.run_path(str(path))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"


def test_what_an_old_pip_says():
    """It calls setup.py, which newer ones never do."""
    command = [sys.executable, str(ROOT / "setup.py"), "develop", "--no-deps"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.strip().startswith("serkit needs pip 21.3 or newer. Type: python -m pip install --upgrade pip")
