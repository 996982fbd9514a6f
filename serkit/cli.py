"""The command ``serkit``."""

import atexit
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serkit import __version__
from serkit.errors import SerkitError, one_of

if TYPE_CHECKING:
    from serkit.corpora import Corpus
    from serkit.grading import Key
    from serkit.papers import Paper
    from serkit.predict import Answer


class _Commands(click.Group):
    """Commands whose bad input ends in one clear line instead of a trace."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except SerkitError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("Interrupted. What was finished is kept: start the same command again to go on.", err=True)
            ctx.exit(130)


class _Workers(click.IntRange):
    """A number of workers, or auto for what suits this machine."""

    name = "integer|auto"

    def __init__(self):
        super().__init__(min=1)

    def convert(self, value, param, ctx):
        from serkit import jobs

        return jobs.usual_workers() if value == "auto" else super().convert(value, param, ctx)


@click.group(cls=_Commands)
@click.version_option(__version__)
def main() -> None:
    """Reproduce five classic speech-emotion-recognition papers."""
    atexit.register(gc.freeze)  # to look for garbage among TensorFlow's two million objects takes a second


@main.command("reproduce")
@click.argument("paper", nargs=-1)
@click.option(
    "--corpus", "corpora", multiple=True, metavar="NAME[=ROOT]", help="A corpus and its folder; several may be given."
)
@click.option(
    "--profile",
    default="quick",
    show_default=True,
    help="smoke (for tests), quick, or paper (as published; our choice where the paper is silent).",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Another value for a notebook parameter.")
@click.option("--seeds", type=click.IntRange(1), help="Repeat every run with this many seeds.")
@click.option("--again", is_flag=True, help="Execute notebooks too whose results are there, made of just the same.")
@click.option("--pdf", is_flag=True, help="Figures as PDF too.")
@click.option(
    "--plan", "planned", is_flag=True, help="Do nothing; say which runs are found or to do, and what they will take."
)
@click.option(
    "--verify",
    is_flag=False,
    flag_value=3,
    type=click.IntRange(1),
    metavar="[N]",
    help="Change nothing; train N stored runs (3 unless said) again and compare what they predict.",
)
@click.option("--jobs", type=click.IntRange(1), help="Notebooks side by side.  [default: one a core]")
@click.option(
    "--workers",
    type=_Workers(),
    help="Local worker processes for the runs of a notebook; auto: one a GPU, or one to two cores where there is none.",
)
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler, tcp://host:port, instead of local workers.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Of all runs do every N-th, beginning with the I-th, if missing: N commands share the work and --out.",
)
@click.option(
    "--out", default="results", show_default=True, type=click.Path(file_okay=False), help="Folder of the results."
)
def _reproduce(
    paper, corpora, profile, settings, seeds, again, pdf, planned, verify, jobs, workers, scheduler, shard, out
) -> None:
    """Run the notebooks of PAPERs and write tables, figures and executed notebooks.

    When no PAPER is named, all are run, the quickest first. With no --corpus, each runs on the miniature of its corpus:
    small, synthetic, written on the spot. PAPER may also be one of the notebooks of no single paper: see `serkit
    papers`.
    """
    from tqdm import tqdm

    from serkit import jobs as side_by_side

    ways = {"--shard": shard, "--verify": verify, "--plan": planned, "--scheduler": scheduler if shard else None}
    if len(chosen := [name for name, given in ways.items() if given]) > 1:
        raise SerkitError(f"{chosen[0]} does not go with {chosen[1]}: leave one of them out")
    shared = {"seeds": seeds, "workers": workers, "scheduler": scheduler}
    plan, refused = _plan(
        paper, corpora, profile, settings, {name: value for name, value in shared.items() if value is not None}
    )
    for _, reason in refused:
        click.echo(f"passed over: {reason}", err=True)
    if pdf:
        os.environ["SERKIT_PDF"] = "1"
    if workers or scheduler:
        jobs = jobs or 1  # they fill the cores by themselves
    failed = []
    executions = [(key, corpus, root, profile, out, given) for key, corpus, root, given in plan]
    if verify:
        _verify(executions, verify)
        return
    if shard:
        executions, failed = _do_shares(executions, shard)
        os.environ["SERKIT_SHARD_END"] = "1"
        jobs = 1
    if planned:
        _show_plan(executions, jobs or side_by_side.usual_number(), workers or 1)
        return
    for (key, corpus, root, *_), outcome in side_by_side.execute_all(executions, jobs, again):
        title = _title(key, corpus, root, profile)
        # Not click.echo: it knows nothing of the progress bars below.
        if outcome is None:
            tqdm.write(f"{title} ...")
        elif isinstance(outcome, SerkitError):
            failed.append(outcome)
            tqdm.write(f"{title}: failed\n")
        else:
            tqdm.write(f"{title}: done\n{_summary(outcome)}")
    if failed:
        raise SerkitError("; ".join(map(str, failed)) + f" ({len(failed)} of {len(plan)} failed)" * (len(plan) > 1))


@main.command("report")
@click.argument("directory", default="results", type=click.Path())
@click.option(
    "--out", type=click.Path(), metavar="FILE", help="Where the page goes.  [default: report.html in DIRECTORY]"
)
@click.option("--latex", is_flag=True, help="Published and measured numbers as LaTeX tables too, beside the page.")
@click.option("--csv", is_flag=True, help="The same as one CSV.")
def _report(directory, out, latex, csv) -> None:
    """Write one page of all results under DIRECTORY (default: results), to read in a browser and to pass on.

    It holds everything that it shows and needs no network.
    """
    from serkit import page

    for path in page.write(directory, out, latex, csv):
        size = path.stat().st_size
        click.echo(f"wrote {path} ({f'{size / 1e6:.1f} MB' if size >= 1e6 else f'{max(size // 1000, 1)} kB'})")


@main.command("predict")
@click.argument("model", type=click.Path())
@click.argument("audio", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON on stdout, with every window and value.")
@click.option(
    "--plot", "drawn", metavar="FILE|DIR", type=click.Path(), help="Draw the answer; of several AUDIO, one each in DIR."
)
@click.option(
    "--speaker",
    "known",
    multiple=True,
    metavar="FILE|DIR",
    type=click.Path(),
    help="Other recordings of the same speaker, for models that scale by speaker; may be given several times.",
)
@click.option(
    "--window",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.5),
    metavar="SECONDS",
    help="Answer a longer recording in parts of at most so many.",
)
def _predict(model, audio, as_json, drawn, known, window) -> None:
    """Say what emotion a MODEL hears in your own recordings, AUDIO.

    MODEL is a model file, or a folder of results, of which the best-documented model is taken. AUDIO is WAV, FLAC, MP3
    or OGG of any rate and length, or what else ffmpeg reads where it is installed; of a folder, all such files in it.
    """
    import json

    from serkit import predict, progress

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    loaded = predict.load(model)
    loaded.window = window
    if known:
        loaded = loaded.of_speaker([path for one in known for path in _recordings(one)])
    audio = [path for one in audio for path in _recordings(one)]
    everybody, places = [loaded, *loaded.also], _pictures(drawn, audio)
    found, failed, head = {}, {}, ""
    if not as_json:
        click.echo("\n".join(one.title for one in everybody))
    for path in progress.track(audio, "recordings", len(audio)):
        try:
            found[path] = loaded.file(path)
            if path in places:
                predict.plot(loaded, found[path], places[path])
        except SerkitError as error:
            failed[path] = str(error)
            continue
        if not as_json:
            head = _show_answer(path, found[path], max(map(len, audio)), head)
    if as_json:
        told = {"model": [one.manifest for one in everybody], "caveats": loaded.caveats}
        told["recordings"] = [
            {"file": path} | (found[path].as_json() if path in found else {"error": failed[path]}) for path in audio
        ]
        click.echo(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        click.echo("\n".join(["", *(f"* {one}" for one in loaded.caveats if found)]))
        for path in [place for name, place in places.items() if name in found]:
            click.echo(f"drawn: {path}")
    if failed:
        raise SerkitError("\n".join(failed.values()))


def _show_answer(path: str, answer: "Answer", width: int, head: str) -> str:
    """Print the answer to a recording as a row of a table, and how it was treated; return the table's head.

    Args:
        path: of the recording.
        answer: to it.
        width: of the longest path.
        head: of the table so far; empty before its first row.
    """
    from tqdm import tqdm

    notes = [f"  {note}" for note in answer.notes]
    if answer.trajectory is not None:
        values = answer.trajectory.drop(columns="time").agg(["mean", "min", "max"]).T
        table = values.round(3).rename_axis("dimension").reset_index().to_string(index=False)
        tqdm.write("\n".join(["", f"{path}, {answer.seconds:.1f} s, {len(answer.trajectory)} values", *notes, table]))
        return ""
    names = [name for own in answer.tasks.values() for name in own]
    widths = [max(len(task), *map(len, own)) for task, own in answer.tasks.items()]
    titles = [f"{task:>{wide}}" for task, wide in zip(answer.tasks, widths, strict=True)]
    shown = [f"{answer.best[task]:>{wide}}" for task, wide in zip(answer.tasks, widths, strict=True)]
    shown += [f"{answer.overall[name]:>{max(len(name), 5)}.3f}" for name in names]
    now = "  ".join([f"{'file':<{width}}", "seconds", *titles, *(f"{name:>5}" for name in names)])
    rows = [] if now == head else [now]
    rows += ["  ".join([f"{path:<{width}}", f"{answer.seconds:>7.2f}", *shown]), *notes]
    if answer.probabilities is not None and len(answer.probabilities) > 1:
        rows += [f"  {line}" for line in answer.probabilities.round(3).to_string(index=False).splitlines()]
    tqdm.write("\n".join(rows))
    return now


def _recordings(place: str) -> list[str]:
    """A file, or all audio files in a folder."""
    from serkit import predict

    path = Path(place)
    if not path.is_dir():
        return [place]
    found = [str(one) for one in sorted(path.rglob("*")) if one.suffix.lower() in predict.AUDIO]
    if not found:
        raise SerkitError(f"{path} has no audio files ({', '.join(predict.AUDIO)}): name another folder, or files")
    return found


def _pictures(drawn: str | None, audio: Sequence[str]) -> dict[str, Path]:
    """Where the picture of each recording goes: the file named, or one of its name in the folder named."""
    if drawn is None:
        return {}
    place = Path(drawn)
    if place.suffix.lower() in (".png", ".pdf", ".svg") and not place.is_dir():
        if len(audio) > 1:
            raise SerkitError(f"{place} is one picture for {len(audio)} recordings: name a folder")
        return {audio[0]: place}
    found: dict[str, Path] = {}
    for path in audio:
        name, number = Path(path).stem, 2
        while place / f"{name}.png" in found.values():
            name, number = f"{Path(path).stem}-{number}", number + 1
        found[path] = place / f"{name}.png"
    return found


@main.command("papers")
@click.argument("key", required=False)
def _papers(key) -> None:
    """List the papers and the other notebooks, or every parameter of KEY: its values, unit, source and meaning."""
    from serkit.papers import COMPANIONS, PAPERS, find

    for paper in [find(key)] if key else (PAPERS | COMPANIONS).values():
        written = "" if paper.key in COMPANIONS else f"\n  {paper.authors}. {paper.venue}"
        click.echo(f"{paper.key}\n  {paper.title}{written}\n  notebook {paper.notebook}; {_corpora_of(paper)}\n")
    if key:
        click.echo("\n".join(_parameter_lines(paper)))


def _corpora_of(paper: "Paper") -> str:
    from serkit.papers import COMPANIONS

    if not paper.own:
        return "takes no corpus"
    own = "miniature when no corpus is named" if paper.key in COMPANIONS else "corpora of its results"
    return f"{own}: {', '.join(paper.own)}; any other corpus\n  must have: {', '.join(paper.needs)}"


@main.command("notebooks")
@click.argument("directory", type=click.Path(file_okay=False))
@click.option("--solutions", is_flag=True, help="With the solutions to the exercises, folded: the teacher's copies.")
def _notebooks(directory, solutions) -> None:
    """Copy the notebooks to DIRECTORY, to read, run and change them there."""
    from serkit import notebooks

    for path in notebooks.copy(directory, solutions):
        click.echo(f"wrote {path}")


@main.command("corpora")
def _corpora() -> None:
    """List the corpora: what they are, their licences and how to get them."""
    from serkit.corpora import NAMES, module

    for name in NAMES:
        facts = module(name)
        fetched = f"\n  or: serkit download {name}" if hasattr(facts, "DOWNLOADS") else ""
        click.echo(f"{name}\n  {facts.TITLE}\n  licence: {facts.LICENCE}\n  {facts.HOW_TO_GET.strip()}{fetched}\n")


@main.command("check")
@click.argument("corpus")
@click.argument("root", type=click.Path())
def _check(corpus, root) -> None:
    """Is this copy of CORPUS at ROOT complete and as expected? Says what is wrong and what to do."""
    from serkit.corpora import load

    sys.exit(1 if _show_check(load(corpus, root, strict=False), root) else 0)


def _show_check(found: "Corpus", root: Path | str) -> int:
    """Print what the check of a copy finds; return how many errors."""
    problems = found.check(deep=True)
    click.echo(f"{found.title}: {len(found.utterances)} utterances at {root}")
    for problem in problems.to_dict("records"):
        click.echo(f"{problem['level']}: {problem['what']} [{problem['where']}]\n    -> {problem['remedy']}")
    errors = int((problems["level"] == "error").sum())
    click.echo(
        f"{errors} error{'s' * (errors != 1)}: correct them before you use this copy."
        if errors
        else "This copy is as expected."
    )
    return errors


@main.command("download")
@click.argument("corpus")
@click.argument("directory", required=False, default="", type=click.Path(file_okay=False))
@click.option("--part", default="", help="Another part of CORPUS than usual; a wrong name lists them.")
def _download(corpus, directory, part) -> None:
    """Fetch CORPUS, if it is open to everybody, to DIRECTORY, and check it.

    DIRECTORY is $SERKIT_<CORPUS> or the folder serkit-corpora beside the cache, unless it is named. An interrupted
    download goes on where it ended when the same command is started again.
    """
    import shlex

    from serkit import download
    from serkit.corpora import load, module
    from serkit.papers import PAPERS

    folder, _ = download.fetch(corpus, directory, part, click.echo)
    click.echo()
    found = load(corpus, folder, strict=False)
    errors = _show_check(found, folder)
    click.echo(f"\nPlease cite:\n{module(corpus).CITATION}\n\nNow:")
    takes = [paper for paper in PAPERS.values() if not found.lacking(paper.needs)]
    for paper in sorted(takes, key=lambda paper: (len(paper.needs), paper.key))[:1]:
        click.echo(f"serkit reproduce {paper.key} --corpus {shlex.quote(f'{corpus}={folder}')}")
    if not takes:  # speech without labels
        root = shlex.quote(f"unlabelled_root={folder}")
        click.echo(f"serkit reproduce chang2017 --set unlabelled={corpus} --set {root}")
    sys.exit(1 if errors else 0)


@main.command("emobox")
@click.argument("corpus")
@click.argument("root", type=click.Path())
@click.argument("out", type=click.Path())
@click.option(
    "--import", "lists", metavar="DIR", type=click.Path(), help="Read the lists in DIR instead; OUT is a CSV file then."
)
def _emobox(corpus, root, out, lists) -> None:
    """Write CORPUS at ROOT with its folds as lists of the benchmark EmoBox, to the folder OUT.

    With --import it is the other way round: the folds of EmoBox's lists in DIR, of the same corpus, become a CSV file
    for the corpus "manifest".
    """
    import shlex

    from serkit import emobox
    from serkit.corpora import load

    found = load(corpus, root)
    if not lists:
        written, left_out = emobox.write_lists(found, out)
        for label, count in left_out.items():
            click.echo(f"in no list: {count} utterances, {label}")
        click.echo("\n".join(f"wrote {path}" for path in written))
        return
    path, split, merged = emobox.write_manifest(found, lists, out)
    merge = "".join(f" --set merge={one}={other}" for one, other in merged.items())
    place = shlex.quote(f"manifest={path}")
    click.echo(f"wrote {path}\nserkit reproduce li2018 --corpus {place} --set split={split} --set style={merge}")


@main.command("miniature")
@click.argument("corpus")
@click.argument("directory", type=click.Path(file_okay=False))
@click.option("--seed", default=0, show_default=True, help="Another seed gives other speakers and sentences.")
def _miniature(corpus, directory, seed) -> None:
    """Write the synthetic twin of CORPUS, in its own layout, to DIRECTORY."""
    from serkit.corpora.miniatures import write

    click.echo(f"wrote {write(corpus, directory, seed=seed)}")


@main.command("grade")
@click.argument("predictions", nargs=-1, type=click.Path())
@click.option("--labels", metavar="KEY.csv", type=click.Path(), help="The true labels: utterance, label, speaker.")
@click.option("--corpus", metavar="NAME[=ROOT]", help="Or a corpus and its folder, of which --fold is held out.")
@click.option(
    "--fold",
    "held_out",
    metavar="NAMES",
    default="",
    help="Of the corpus' folds (or else parts, sessions, speakers): 1,2. Intervals need eight speakers.",
)
@click.option("--classes", metavar="LABELS", default="", help="neutral,happy,...  [default: all that there are]")
@click.option("--handout", metavar="DIR", type=click.Path(), help="Write what a class is given, and the key, to DIR.")
@click.option("--out", metavar="DIR", type=click.Path(file_okay=False), help="Scores, pairs and confusions as CSV too.")
def _grade(predictions, labels, corpus, held_out, classes, handout, out) -> None:
    """Score PREDICTIONS of a class on held-out speakers, with intervals over these.

    Each is a CSV with a row for every held-out utterance, columns utterance and predicted, or a folder of such files:
    then they are ranked, and it is said which differences are decided. The true labels come from --labels, or from
    --corpus and --fold. `serkit grade --handout DIR --corpus NAME=ROOT --fold 1,2` writes what a class is given.
    """
    from serkit import grading
    from serkit.corpora import load

    if bool(labels) == bool(corpus):
        raise SerkitError("say what is right: --labels KEY.csv, or --corpus NAME=ROOT with --fold, one of the two")
    if labels and (handout or held_out):
        raise SerkitError(f"{'--handout' if handout else '--fold'} is about a corpus: give --corpus NAME=ROOT")
    if bool(handout) == bool(predictions):
        raise SerkitError("name files of predictions, or what to hand out (--handout DIR), one of the two")
    names, classes = ([one.strip() for one in text.split(",") if one.strip()] for text in (held_out, classes))
    speech = load(*_place(corpus)) if corpus else None
    if handout and speech:
        folder = grading.hand_out(speech, names, handout, classes)
        click.echo(f"wrote {folder}: students/ is for the class, key.csv is yours")
        click.echo(f"licence of the recordings: {speech.licence}")
        if not speech.redistributable:
            click.echo("students/ holds them: give it only to those whom that licence lets have them")
        click.echo(f"serkit grade SUBMISSIONS --labels {folder / 'key.csv'}")
        return
    if out and Path(out).is_dir() and any(Path(out).iterdir()):
        raise SerkitError(f"{out} holds something already, an earlier round perhaps: name another folder")
    key = grading.key_of(speech, names, classes) if speech else grading.read_key(labels, classes)
    graded, failed = {}, {}
    for name, path in grading.submissions(predictions, labels or "").items():
        try:
            graded[name] = grading.read_predictions(path, key)
        except SerkitError as error:
            failed[name] = str(error)
    if graded:
        _show_grades(key, graded, out)
    if failed:
        count = len(graded) + len(failed)
        raise SerkitError("\n".join([f"{len(failed)} of {count} without a score:", *failed.values()]))


def _show_grades(key: "Key", graded: dict, out: str | None) -> None:
    """Print scores, and which of them differ; `out` is a folder for all of it as CSV."""
    from serkit import files, grading, metrics

    scores, pairs = grading.ranking(graded)
    shown = scores[["rank", "submission"]].copy()
    for measure in grading.MEASURES:
        ends = zip(scores[measure], scores[f"{measure} low"], scores[f"{measure} high"], strict=True)
        shown[measure] = [
            f"{value:.1f}" + f" ({low:.1f} to {high:.1f})" * bool(low <= high) for value, low, high in ends
        ]
    if len(graded) > 1:
        shown = shown.assign(above=scores["above"], below=scores["below"])
    floor = ", ".join(f"{name} {value:.1f}" for name, value in key.floor().items())
    speakers, why = scores["speakers"].iloc[0], scores["why"].iloc[0]
    click.echo(f"{len(key.table)} utterances of {speakers} speakers; in percent, with 95 % intervals over speakers")
    click.echo(shown.to_string(index=False))
    click.echo(f"the commonest label for all: {floor}")
    if scores["UA low"].isna().any():
        click.echo(f"no intervals: {why}")
    confusions = {name: metrics.confusion(one["label"], one["predicted"], key.classes) for name, one in graded.items()}
    if len(graded) == 1:
        click.echo(f"\n{next(iter(confusions.values())).to_string()}")
    elif not scores["UA low"].isna().any():
        decided = pairs[pairs["verdict"] == "holds"]
        click.echo(
            f"above, below: how many submissions this one is decidedly better or worse than, by UA; {len(decided)} of "
            f"{len(pairs)} pairs are decided (interval without 0, and p of all pairs together by Holm)"
        )
        if speakers < (least := grading.least_speakers(len(pairs))):
            click.echo(
                f"with {speakers} speakers no difference among {len(pairs)} pairs can be decided, however large: hold "
                f"out {least}, or grade fewer at a time. Intervals of single submissions hold as they are."
            )
    if out:
        files.write_csv(Path(out) / "scores.csv", scores)
        files.write_csv(Path(out) / "pairs.csv", pairs)
        for name, counts in confusions.items():
            files.write_csv(Path(out) / "confusions" / f"{name}.csv", counts.reset_index())
        click.echo(f"wrote {out}")


@main.command("proxy")
@click.argument("ravdess", type=click.Path())
@click.argument("directory", type=click.Path(file_okay=False))
@click.option("--seed", default=0, show_default=True, help="Another seed gives other trajectories and partitions.")
def _proxy(ravdess, directory, seed) -> None:
    """Write a proxy of continuous emotion, made of a copy of RAVDESS, to DIRECTORY. Nobody rated it."""
    from serkit.corpora.proxy import ravdess_trajectories

    path = ravdess_trajectories(ravdess, directory, seed=seed)
    click.echo(f"wrote {path}\nserkit reproduce khorram2017 --corpus continuous={path}")


def _parameter_lines(paper: "Paper") -> list[str]:
    """Every parameter: values in the three profiles, unit, whose it is, what it bears on, and its comment."""
    from serkit import notebooks

    lines = [
        "Sources. paper: the paper states it. ours: the paper is silent, and we chose. repetition: what is run,",
        "and how often. place: where things are, and who does the work.",
        "",
    ]
    defaults, comments = notebooks.parameters(paper), notebooks.comments(paper)
    for name, parameter in paper.parameters.items():
        values = {profile: parameter.values.get(profile, defaults[name]) for profile in ("smoke", "quick", "paper")}
        shown = ", ".join(f"{profile} {value!r}" for profile, value in values.items())
        if parameter.source == "place":
            shown = repr(defaults[name])
        unit = f" [{parameter.unit}]" if parameter.unit else ""
        lines.append(f"{name}{unit}: {shown}\n    source: {parameter.source}")
        if parameter.affects is not None:
            lines[-1] += f"; bears on {', '.join(parameter.affects) or 'nothing that the paper prints'}"
        lines.append(f"    {comments[name]}")
    return lines


def _plan(keys: Sequence[str], corpora, profile: str, settings, shared: dict) -> tuple[list, list[tuple[str, str]]]:
    """What to execute, (paper, corpus, root, parameters), and what not, and why.

    Everything is checked before anything runs: a paper that is named and takes none of the corpora is an error.
    """
    from serkit import notebooks
    from serkit.corpora import REMEDIES, load
    from serkit.papers import PAPERS, find

    chosen = [find(key) for key in keys] or sorted(PAPERS.values(), key=lambda paper: paper.seconds)
    places = [_place(text) for text in corpora]
    given = dict(_assignment(text) for text in settings)
    names = {paper.key: notebooks.parameters(paper) for paper in chosen}
    for name in given:
        one_of(name, {name for found in names.values() for name in found}, "parameter")
    plan, refused = [], []
    speech = [(corpus, root, load(corpus, root, strict=False)) for corpus, root in places]
    for paper in chosen:
        # With several papers, a corpus or setting goes to those that take it.
        own = {name: value for name, value in {**shared, **given}.items() if name in names[paper.key]}
        notebooks.resolve(paper, profile, own)
        if not paper.own:
            plan.append((paper.key, "", "", own))
            continue
        for corpus, root, found in speech:
            if missing := found.lacking(paper.needs):
                lacks = f"{paper.key} needs {', '.join(missing)}, which {corpus} at {root} does not have: "
                lacks += "; ".join(REMEDIES.get(need, "another corpus may") for need in missing)
                refused.append((paper.key, lacks))
            else:
                plan.append((paper.key, corpus, root, own))
        if not places:
            plan += [(paper.key, corpus, "", own) for corpus in paper.own]
    served = {key for key, *_ in plan}
    if not plan or (keys and any(paper.key not in served for paper in chosen)):
        raise SerkitError("; ".join(reason for key, reason in refused if key not in served))
    return plan, refused


def _do_shares(executions: list[tuple], shard: str) -> tuple[list[tuple], list[SerkitError]]:
    """Do a share of the runs of some executions.

    Returns:
        Those of which all runs are there, have failed, or which have none, so that tables can be made; and what failed
        in the others.
    """
    from serkit import notebooks
    from serkit.papers import COMPANIONS

    complete, failed = [], []
    for one in executions:
        key, corpus, root, profile, out, given = one
        if key in COMPANIONS:  # no runs to share
            complete.append(one)
            continue
        title = f"{_title(key, corpus, root, profile)}: share {shard}"
        try:
            found = notebooks.do_share(key, shard, corpus, root, profile, out, **given)
        except SerkitError as error:
            failed.append(error)
            continue
        said = [f"{found['done']} runs done"]
        said += [f"{found['failed']} failed (the first: {found['error']})"] * bool(found["failed"])
        if found["missing"]:
            said += [f"{found['missing']} are missing, of other shares: whichever ends last makes the tables"]
            if found["waiting"]:
                said += [f"{found['waiting']} studies need their results: start all shares again after these"]
            if found["failed"]:
                failed.append(SerkitError(f"{title}: {found['failed']} runs failed; the same command tries them again"))
        else:
            complete.append(one)
        click.echo(f"{title}: {', '.join(said)}")
    return complete, failed


def _show_plan(executions: list[tuple], jobs: int, workers: int) -> None:
    """Print what executions will take: runs, minutes and disk of each study, and totals."""
    from tqdm import tqdm

    from serkit import planning

    tables = []

    def show(path: Path) -> None:
        records = planning.read(path)
        tables.append(planning.table(records))
        tqdm.write(tables[-1].round(1).to_string(index=False))
        said = [record["said"] for record in records if "said" in record]
        tqdm.write("\n".join([*(f"full size: {text}; folds as here" for text in said), ""]))

    failed = _of_each(executions, show, "a minute or two")
    if tables:
        tqdm.write(planning.summary(tables, jobs, workers))
    if failed:
        raise SerkitError("; ".join(failed))


def _verify(executions: list[tuple], count: int) -> None:
    """Train stored runs of each execution again, and print how they compare."""
    from tqdm import tqdm

    from serkit import verifying

    done = []

    def show(path: Path) -> None:
        records = verifying.read(path)
        done.extend(records)
        tqdm.write(verifying.table(records).to_string(index=False) + "\n")

    failed = _of_each(executions, show, "nothing to verify", count)
    try:
        verifying.judge(done)
    except SerkitError as error:
        failed.append(str(error))
    if failed:
        raise SerkitError("; ".join(failed))


def _of_each(executions: list[tuple], show: Callable[[Path], None], instead: str, *verify: int) -> list[str]:
    """Plan or verify each execution, and show its records; return the errors of those that fail.

    Args:
        executions: what to look at.
        show: of a file of records.
        instead: said of a notebook that has no study.
        verify: how many runs, where they are verified.
    """
    import tempfile

    from tqdm import tqdm

    from serkit import notebooks
    from serkit.papers import COMPANIONS

    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for key, corpus, root, profile, out, given in executions:
            tqdm.write(f"{_title(key, corpus, root, profile)} ...")
            if key in COMPANIONS:
                tqdm.write(f"no study of its own: {instead}\n")
                continue
            try:
                show(notebooks.plan(key, Path(folder) / "plan.jsonl", corpus, root, profile, out, *verify, **given))
            except SerkitError as error:
                failed.append(str(error))
                tqdm.write("failed\n")
    return failed


def _title(key: str, corpus: str, root: str, profile: str) -> str:
    where = f" on {corpus if root else f'the {corpus} miniature'}" if corpus else ""
    return f"{key}{where}, profile {profile}"


def _place(text: str) -> tuple[str, str]:
    """NAME=ROOT, or NAME alone when $SERKIT_<NAME> says where it is."""
    from serkit.corpora import NAMES, module

    name, _, root = text.partition("=")
    one_of(name, NAMES, "corpus")
    variable = f"SERKIT_{name.upper()}"
    root = root or os.environ.get(variable, "")
    if not root:
        raise SerkitError(
            f"where is {name}? Give --corpus {name}=FOLDER, or set {variable}; without a corpus, leave --corpus out"
        )
    if not Path(root).exists():
        raise SerkitError(f"there is no {root}. {module(name).HOW_TO_GET.strip()}")
    return name, root


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SerkitError(f"--set takes NAME=VALUE; got {text!r}")
    return name, value


def _summary(folder: Path) -> str:
    """What was measured, beside what was published; what the paper compares; and why not to compare with it.

    Of a companion, its table "summary".
    """
    import pandas as pd

    tables = folder / "tables"
    if not (tables / "claims.csv").is_file():
        table = pd.read_csv(tables / "summary.csv")
        said = table.to_string(index=False, na_rep="") if len(table) else "no study was found: the notebook names them"
        return f"{said}\nresults: {folder}\n"
    claims = pd.read_csv(tables / "claims.csv")
    measured = claims[claims["measured"].notna()]
    columns = ["table", "row", "metric", "published", "measured", "sd", "low", "high", "runs", "comparable"]
    lines = [measured[columns].to_string(index=False)] if len(measured) else ["no published number was measured"]
    if (tables / "comparisons.csv").is_file():
        compared = pd.read_csv(tables / "comparisons.csv", keep_default_na=False)
        for one in compared.itertuples():
            why = f" ({one.why})" if one.why else ""
            lines.append(f"{one.better} better than {one.worse}, table {one.table}, {one.metric}: {one.verdict}{why}")
            if one.made_by == "ours":
                lines[-1] += "; not in the paper"
            elif not one.comparable:
                lines[-1] += "; not comparable"
    lines += [f"not comparable: {reason}" for reason in measured["why_not"].dropna().unique()]
    return "\n".join([*lines, f"results: {folder}", ""])


if __name__ == "__main__":
    main()
