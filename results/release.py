"""Write a folder of small trained models to attach to a release, with hashes, scores and licences.

``python results/release.py OUT RESULTS ... [--corpus NAME=ROOT] ...`` takes from each RESULTS, a folder
``<corpus>/<paper>`` that ``serkit reproduce`` filled, the best-documented model (`serkit.predict.choose`), without what
its optimiser remembers, and writes OUT/<paper>-<corpus>.keras, README.md and SHA256SUMS. With the corpus at hand, each
model is tried on utterances that its run tested, and must give the run's own numbers to 0.00001; without, it says so.

Networks that an older serkit kept do not say how a signal becomes an answer. Where their executed notebook is beside
them it is said for them, from its parameters (`recipe_of`); then the corpus must be at hand, and the trial decides.
"""

import argparse
import ast
import json
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd

from serkit import audio, corpora, features, files, modelfiles, notebooks, papers, predict, splits
from serkit.errors import SerkitError, one_of

TRIED = 12  # tested utterances that a model is tried on
CLOSE = 1e-5
HEADS = {"li2018": "emotion of short utterances, with attention over the spectrogram"}
HEADS |= {"tao2018": "emotion of utterances, a recurrent network that weighs frames"}
HEADS |= {"zhao2018": "emotion of utterances, convolutions and a recurrent network with attention"}
HEADS |= {"chang2017": "valence of utterances, in five classes"}
HEADS |= {"khorram2017": "arousal or valence over time"}


def parameters_of(folder: Path) -> dict:
    """The notebook's parameters with which a folder of results was made."""
    executed = nbformat.read(folder / "notebook.ipynb", as_version=4)
    (cell,) = [one for one in executed.cells if "injected-parameters" in one.metadata.get("tags", [])]
    given = {one.targets[0].id: ast.literal_eval(one.value) for one in ast.parse(cell.source).body}
    defaults = notebooks.parameters(papers.find(folder.name))
    return {name: given.get(name, default) for name, default in defaults.items()}


def recipe_of(key: str, p: dict, spec: dict, columns: list[str]) -> dict:
    """How a run's network answers, as the notebook of today would say it, from parameters and what the run predicted.

    Raises:
        SerkitError: it cannot be told for this paper.
    """
    named = {"emotion": [name for name in columns if name not in ("id", "speaker", "label", "predicted", "side")]}
    if key == "li2018":
        given = {"kind": "pieces", "length": round(p["segment"] / p["hop"]), "hop": round(p["test_hop"] / p["hop"])}
        given |= {"scaled by": p["scale_by"], "lowest": p["lowest"], "mean of": p["average"]}
        made = {"name": "linear_spectrogram", "settings": {"hop": p["hop"], "resolution": p["resolution"]}}
        return {"front end": made | {"trim": p["trim"]}, "input": given, "columns": named, "stored": p["average"]}
    if key == "tao2018" and "model" in spec:
        made = {"name": "short_term_36", "settings": {name: p[name] for name in ("hop", "harmonic", "epsilon")}}
        given = {"kind": "sequences", "scaled by": p["normalise"]}
        made |= {"trim": p["trim"]}
        return {"front end": made, "input": given, "columns": named, "stored": "log probabilities"}
    if key == "zhao2018":
        fixed = p["length"] if "step" in spec["model"] or "shuffled" in spec["model"] else 0
        made = {"name": "yaafe_743", "settings": {"hop": round(p["hop"] * 16000), "silence": p["silence"]}}
        given = {"kind": "sequences", "scaled by": p["normalise"], "whitening": {"clip": p["clip"]}, "length": fixed}
        return {"front end": made | {"trim": p["trim"]}, "input": given, "columns": named, "stored": "probabilities"}
    if key == "khorram2017":
        seen = {"Dilated": p["kernel"] * 2 ** p["depth"] // 2, "Down/Up": 4 * p["factor"] ** p["down_layers"]}
        given = {"kind": "recordings", "scaled by": "speaker", "least deviation": 1e-6, "stacked": 4, "step": 0.04}
        given |= {"context": seen.get(spec["model"], 1500) * 0.04, "align": p["factor"] ** p["down_layers"]}
        made = {"name": "kaldi_fbank", "settings": {"dither": p["dither"]}, "window": 0.025}
        return {"front end": made, "input": given, "dimension": spec["dimension"], "stored": "values"}
    raise SerkitError(f"an older network of {key} cannot be used alone: run its notebook again")


def statistics_of(key: str, p: dict, spec: dict, speech: corpora.Corpus) -> dict[str, np.ndarray]:
    """What a run had learnt of its training speech, learnt again.

    Raises:
        SerkitError: its fold is not one that the corpus brings along.
    """
    needs = {"zhao2018": True, "tao2018": p.get("normalise") == "training", "li2018": p.get("scale_by") == "training"}
    if not needs.get(key):
        return {}
    if key != "zhao2018" or p["split"] != "folds" or not p["whitened"]:
        raise SerkitError(f"statistics of {key} with these settings are not made again: run its notebook again")
    found = speech.classes(p["classes"] if p["classes"] != [""] else sorted(set(speech.utterances["label"].dropna())))
    table = speech.select(found)
    options = {"hop": round(p["hop"] * 16000), "silence": p["silence"]}
    frames = features.extract(table, features.yaafe_743, options, trim=p["trim"])
    (fold,) = [one for one in splits.by_fold(table, validation=2) if one.name == spec["fold"]]
    speaker_of, scales = table.set_index("id")["speaker"], {}
    for speaker, ids in table.groupby("speaker")["id"] if p["normalise"] == "speaker" else ():
        rows = np.concatenate([frames[name] for name in ids])
        deviation = rows.std(axis=0, dtype=float)
        scales[speaker] = rows.mean(axis=0, dtype=float), np.where(deviation > 0, deviation, 1)

    def read(name: str) -> np.ndarray:
        mean, deviation = scales.get(speaker_of[name], (0, 1))
        return (frames[name] - mean) / deviation if scales else frames[name]

    whitening = features.PCAWhitening(p["components"] or None, p["floor"], p["clip"])
    learnt = whitening.fit(read(name) for name in fold.train).learnt()
    return {f"whitening {name}": values for name, values in learnt.items()}


def describe_older(folder: Path, speech: corpora.Corpus, to: Path) -> Path:
    """Copies of an older folder's networks that say how they answer, without what was learnt of training speech."""
    key, p = folder.name, parameters_of(folder)
    results = SimpleNamespace(paper=papers.find(key), corpus=speech, note=_note(speech))
    proposed = {"li2018": ["CNN_TF_Att.pooling"], "tao2018": ["advanced LSTM"], "zhao2018": ["Attention-BLSTM-FCN"]}
    facts = predict.facts_of(results, proposed.get(key, ["Dilated", "Down/Up"]))
    for name in pd.read_csv(folder / "tables" / "runs.csv")["key"]:
        run, place = folder / "runs" / name, to / "runs" / name
        if not (run / "model.keras").is_file():
            continue
        record, table = json.loads((run / "run.json").read_text()), pd.read_csv(run / "predictions.csv")
        spec, scores = record["spec"], []
        if key == "khorram2017":
            best = round(float(pd.read_csv(run / "history.csv")["dev_ccc"].max()), 4)
            scores = [{"side": "validation", "measure": f"CCC of {spec['dimension']}", "value": best, "unit": ""}]
        else:
            scores = predict.accuracies(table)
        own = {
            one: record.get(one) for one in ("spec", "split", "settings", "notes", "backend", "versions", "finished")
        }
        own |= {"model": spec["model"], "scores": scores, "recipe": recipe_of(key, p, spec, list(table))}
        own |= {"described": "afterwards, from the parameters of its notebook"}
        place.mkdir(parents=True)
        shutil.copy(run / "model.keras", place)
        shutil.copy(run / "predictions.csv", place)
        modelfiles.describe(place / "model.keras", facts | own, {})
    return to


def _note(speech: corpora.Corpus) -> str:
    """What the corpus wants said beside every result."""
    return ", ".join(speech.utterances["note"].dropna().unique()) if "note" in speech.utterances else ""


def tried(model: predict.Model, stored: pd.DataFrame, speech: corpora.Corpus) -> float:
    """The largest difference of the model's numbers from those of its run, over some tested utterances."""
    trajectories = "prediction" in stored
    table = (speech.recordings if trajectories else speech.utterances).set_index("id")
    ids, worst = stored["id"].unique(), 0.0
    for name in ids[np.unique(np.linspace(0, len(ids) - 1, 2 if trajectories else TRIED).astype(int))]:
        own, row = stored[stored["id"] == name], table.loc[name]
        known = model
        if model.manifest["recipe"]["input"]["scaled by"] == "speaker":
            listed = table if trajectories else table[table["label"].isin(stored["label"])]
            known = model.of_speaker(listed.loc[listed["speaker"] == row["speaker"], "path"])
        answer = known(*audio.read(row["path"]), **({"rows": len(own)} if trajectories else {}))
        if trajectories:
            found, expected = answer.trajectory.iloc[:, 1], own["prediction"]
        else:
            names = [label for labels in answer.tasks.values() for label in labels]
            found, expected = answer.scores[names].iloc[0], own[names].iloc[0]
        worst = max(worst, float(np.abs(found.to_numpy() - expected.to_numpy()).max()))
    return worst


def stripped(path: Path, to: Path, statistics: dict[str, np.ndarray]) -> None:
    """A copy of a model without what its optimiser remembers."""
    manifest = modelfiles.manifest(path)
    predict.Model(path).network.save(to)
    modelfiles.describe(to, manifest, statistics)


def add(folder: Path, out: Path, roots: dict[str, str]) -> list[dict]:
    """Put the best-documented model of a folder of results into the release; rows of its README.

    Raises:
        SerkitError: there is none; or it does not give its run's numbers, or an older one cannot be tried.
    """
    rows, key = [], folder.name
    name = folder.parent.name.removesuffix("-miniature")
    speech = corpora.load(name, roots[name], strict=False) if name in roots else None
    with tempfile.TemporaryDirectory() as aside:
        older = not _says(folder)
        if older and speech is None:
            raise SerkitError(
                f"{folder} is of an older serkit: give --corpus {name}=ROOT, so that its model can be tried"
            )
        place = describe_older(folder, speech, Path(aside)) if older else folder
        for path in predict.choose(place):
            manifest = modelfiles.manifest(path)
            learnt = modelfiles.statistics(path)
            if older:
                learnt = statistics_of(key, parameters_of(folder), manifest["spec"], speech)
            dimension = manifest["recipe"].get("dimension", "")
            corpus = ("ravdess-proxy" if "proxy" in manifest["corpus"]["note"] else name) + "-miniature" * (
                manifest["corpus"]["miniature"]
            )
            made = out / ("-".join(filter(None, [key, corpus, dimension])) + ".keras")
            built, worst = Path(aside) / made.name, None
            stripped(path, built, learnt)
            if speech is not None:
                stored = pd.read_csv(path.with_name("predictions.csv"), dtype={"id": str})
                stored = stored[stored["side"] == "test"] if "side" in stored else stored
                worst = tried(predict.load(built), stored, speech)
                if not worst <= CLOSE:
                    raise SerkitError(f"{path} gives other numbers than its run, by up to {worst:.2g}: left out")
            with files.atomic(made) as temporary:
                shutil.copy(built, temporary)
            caveats = [said for said in predict.load(made).caveats if not said.startswith(("It reached", "Corpus:"))]
            row = {"file": made.name, "manifest": modelfiles.manifest(made), "bytes": made.stat().st_size}
            rows.append(row | {"off": worst, "caveats": caveats})
    return rows


def _says(folder: Path) -> bool:
    """Whether the networks of a folder say how they answer."""
    try:
        return bool(predict.choose(folder))
    except SerkitError as error:
        if "there is no model" in str(error) and "older serkit" in str(error):
            return False
        raise


def readme(rows: list[dict]) -> str:
    """What the release says of its models."""
    lines = [
        "# Trained models",
        "",
        "Small networks of `serkit`, each one file: `serkit predict FILE my_voice.wav`.",
        "",
    ]
    lines += ["| file | what | model, fold, seed | scores | kB |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        one = row["manifest"]
        shown = [
            f"{score['measure']} {score['value']:g}{' %' * (score['unit'] == '%')} ({score['side']})"
            for score in one["scores"]
        ]
        which = ", ".join([one["model"], *(str(one["spec"][axis]) for axis in ("fold", "seed") if axis in one["spec"])])
        cells = [row["file"], HEADS[one["paper"]["key"]], which, "; ".join(shown), f"{row['bytes'] / 1000:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Scores are of that fold and seed alone; `results/` of the repository has all folds, with intervals."]
    tried_rows = [row["off"] for row in rows if row["off"] is not None]
    if tried_rows:
        said = f"{len(tried_rows)} of {len(rows)} files were tried on utterances that their runs tested"
        lines += [f"{said}: the largest difference from the stored numbers is {max(tried_rows):.1g}."]
    lines += ["", "## What they cannot know", ""]
    caveats: dict[str, list[str]] = {}
    for row in rows:
        for said in row["caveats"]:
            caveats.setdefault(said, []).append(row["file"])
    lines += [f"* {said} ({', '.join(whose) if len(whose) < len(rows) else 'all'})" for said, whose in caveats.items()]
    lines += ["", "## Licence", ""]
    for corpus in {row["manifest"]["corpus"]["title"]: row["manifest"]["corpus"] for row in rows}.values():
        said = f"* Trained on {corpus['title']}, {corpus['licence']}.{_limits(corpus['licence'])}"
        lines.append(f"{said} {corpus['citation']}")
    lines += ["", "`sha256sum -c SHA256SUMS` checks the files."]
    return "\n".join(lines) + "\n"


def _limits(licence: str) -> str:
    if "-NC" in licence:
        return " **No commercial use**, of these files neither; what is made of them is shared under the same licence."
    return " **Not to be passed on.**" if "not to be passed on" in licence else ""


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME=ROOT")
    given = parser.parse_args()
    roots = dict(one.split("=", 1) for one in given.corpus)
    for name in roots:
        one_of(name, corpora.NAMES, "corpus")
    given.out.mkdir(parents=True, exist_ok=True)
    rows, failed = [], []
    for folder in given.results:
        try:
            rows += add(folder.resolve(), given.out, roots)
        except SerkitError as error:
            failed.append(str(error))
    if rows:
        files.write_text(given.out / "README.md", readme(rows))
        listed = [f"{files.sha256(given.out / row['file'])}  {row['file']}" for row in rows]
        files.write_text(given.out / "SHA256SUMS", "\n".join(listed) + "\n")
    for row in rows:
        off = "not tried" if row["off"] is None else f"{row['off']:.1g} off its run at most"
        print(f"{row['file']}: {row['bytes'] / 1000:.0f} kB, {off}")
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
