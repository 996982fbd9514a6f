"""Use a trained model on one's own recordings: ``load(path)(signal, rate)``.

A model is one file (`serkit.modelfiles`), which says how a signal becomes an answer. This module does what it says with
the functions that the study used, so that a tested utterance gets the study's own numbers. Networks take what they
were made for: `pieces` of a spectrogram (li2018), whole `sequences` of frames (tao2018, zhao2018), one `vector` an
utterance (tao2018's dense network), `crops` around speech (chang2017), whole `recordings` (khorram2017).

A recording longer than a window (30 s unless told otherwise) is cut into equal parts of at most that length; each is
answered as an utterance of its own, and the answer to the whole is the mean of their probabilities, each weighing as
much as it is long. Silent parts are passed over. The trajectory of more than five minutes is computed in parts of a
minute that overlap by more than a network sees to either side, and their inner values are laid side by side: they are
those of the whole, but for recurrent networks, which remember longer. So memory does not grow with the length.
"""

import contextlib
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from serkit import audio, modelfiles
from serkit.errors import SerkitError, one_of

if TYPE_CHECKING:
    import keras

RATE = 16000  # Hz, of all front ends
WINDOW = 30.0  # seconds that are answered as one utterance
WHOLE = 320.0  # seconds of a recording whose trajectory is computed at once: RECOLA's five minutes are
PART = 60.0  # seconds of the parts of a longer one
SHORTEST = 0.25  # seconds of a recording; a vowel
FRONT_ENDS = ("linear_spectrogram", "short_term_36", "is10", "yaafe_743", "kaldi_fbank", "log_spectrogram")
SAID = ("paper", "corpus", "proposed", "model", "scores", "spec", "recipe")  # by every model
KINDS = ("pieces", "sequences", "vector", "crops", "recordings")
NEEDS_FFMPEG = (".m4a", ".mp4", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".mkv", ".mov")
AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif", ".m4a")
HEARD = {  # what the models of a corpus have heard
    "cheavd": "Mandarin of films, series and shows",
    "continuous": "the recordings of whoever trained it",
    "iemocap": "ten actors, in English, two at a time, in one studio",
    "manifest": "the recordings of whoever trained it",
    "ravdess": "24 actors of North America who speak two sentences in English, again and again, in one studio",
    "recola": "French-speaking students in video calls",
}
STRANGE = "another language, accent, age, microphone or room is strange to it, and acted emotion is not felt emotion."
ALWAYS = (
    "It always answers with one of its labels, for a cough, music or noise too; its probabilities are not calibrated."
)
LATE = (
    "Its values are on the scale of the corpus' labels and as late as those: raters take seconds to react, and nothing "
    "is shifted back."
)
WITHOUT_SPEAKER = (
    "It was trained on frames scaled by what each speaker's recordings have in common; without --speaker it takes each "
    "recording for all that its speaker ever said, which costs accuracy."
)
LOWEST_RATE = 4000  # Hz; less holds no voice
NO_SOUND = "is silence throughout, its samples (the mean of its channels) being all the same: there is nothing to hear"
ONE = "recording"  # the id of what is listened to


@dataclass
class Answer:
    """What a model says of a recording.

    Attributes:
        name: of the recording: its path, or "the signal".
        seconds: length of the recording.
        probabilities: one row a window: start and end in seconds, and a column a label; None for trajectories.
        scores: likewise, the numbers that the study stores, such as logits.
        trajectory: columns time (seconds) and one a dimension; None for models that name classes.
        notes: how the recording was treated, where that is not what one expects.
        signal: what the network heard, at 16 kHz; None where there are several windows.
        tasks: what is asked -> its labels.
    """

    name: str
    seconds: float
    probabilities: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    trajectory: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)
    signal: np.ndarray | None = field(default=None, repr=False)
    tasks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def best(self) -> dict[str, str]:
        """The label of greatest probability, of each thing that is asked (most models ask for the emotion alone)."""
        overall = self.overall
        return {task: str(overall[names].idxmax()) for task, names in self.tasks.items()}

    def as_json(self) -> dict:
        """All of it as a JSON value."""
        told: dict[str, Any] = {"seconds": round(self.seconds, 3), "notes": self.notes}
        if self.trajectory is not None:
            return told | {"trajectory": self.trajectory.round(6).to_dict("list")}
        assert self.probabilities is not None
        told |= {"answer": self.best, "probabilities": self.overall.round(6).to_dict()}
        return told | {"windows": self.probabilities.round(6).to_dict("records")}

    @property
    def overall(self) -> pd.Series:
        """Probabilities of the whole recording by label: of the windows, each weighing as much as it is long."""
        assert self.probabilities is not None, "a trajectory has no probabilities"
        lengths = self.probabilities["end"] - self.probabilities["start"]
        return self.probabilities.drop(columns=["start", "end"]).mul(lengths / lengths.sum(), axis=0).sum()


def load(path: Path | str) -> "Model":
    """Read a model.

    Args:
        path: of a model file, or of a folder of results, of which `choose` takes one.

    Raises:
        SerkitError: there is none, or several kinds of them; or the file is damaged.
    """
    first, *others = choose(path) if Path(path).is_dir() else [Path(path)]
    return Model(first, [Model(other) for other in others])


def choose(folder: Path | str) -> list[Path]:
    """The best-documented model of a folder of results: of a paper on a corpus, or several folds and seeds of one.

    Best on validation; of equals the one that the paper proposes, then that of the lower seed and of the first fold.
    Where a study validates nothing (li2018), the first three are left to the last two: what a model reached on its test
    speakers decides nothing.

    Returns:
        One file, or one a dimension where each has a network of its own (khorram2017).

    Raises:
        SerkitError: there is no model, or there are models of several papers or corpora.
    """
    folder, found, without = Path(folder), [], 0
    for path in sorted(folder.rglob("*.keras")):
        try:
            found.append((path, modelfiles.manifest(path)))
        except SerkitError:
            without += 1
    if not found:
        older = f" ({without} networks say not how a signal becomes an answer: an older serkit kept them)"
        raise SerkitError(f"there is no model under {folder}{older * bool(without)}: run `serkit reproduce` first")
    groups = sorted({f"{one['paper']['key']} on {_corpus(one)}" for _, one in found})
    if len(groups) > 1:
        raise SerkitError(f"{folder} has models of {', '.join(groups)}: name the folder of one of them, or a file")

    def rank(item: tuple[Path, dict]) -> tuple:
        one = item[1]
        score = next((score["value"] for score in one["scores"] if score["side"] == "validation"), 0.0)
        spec = one["spec"]
        return -score, one["model"] not in one["proposed"], spec.get("seed", 0), str(spec.get("fold", "")), str(item[0])

    chosen: dict[str, Path] = {}
    for path, one in sorted(found, key=rank):
        chosen.setdefault(one["recipe"].get("dimension", ""), path)
    return [chosen[dimension] for dimension in sorted(chosen)]


class Model:
    """A trained model: call it with a signal, or give `file` the path of a recording.

    Args:
        path: of a model file.
        also: models of other dimensions that answer together with it.

    Attributes:
        manifest: what the file says of the model; see `serkit.modelfiles`.

    Raises:
        SerkitError: it is no model of ours, or one of a later version.
    """

    def __init__(self, path: Path | str, also: Sequence["Model"] = ()):
        self.path, self.also, self.manifest = Path(path), list(also), modelfiles.manifest(path)
        if self.path.suffix != ".keras":
            raise SerkitError(
                f"{self.path} is a model whose name Keras does not read: rename it to {self.path.stem}.keras"
            )
        self.window = WINDOW
        self._speaker: dict[str, np.ndarray] | None = None
        self._in_vain = False  # whether a speaker was named whom it has no use for
        self._latest: list[np.ndarray] = []  # a signal and its frames, shared by copies
        try:
            self._recipe = {name: self.manifest[name] for name in SAID}["recipe"]
            self._front_end, self._input = self._recipe["front end"], self._recipe["input"]
            one_of(self._front_end["name"], FRONT_ENDS, "front end")
            one_of(self._input["kind"], KINDS, "kind of input")
            self._columns = {task: list(names) for task, names in self._recipe.get("columns", {}).items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise SerkitError(f"{self.path} does not say {error} of itself: get the model again") from error
        self._statistics = modelfiles.statistics(path)

    @cached_property
    def network(self) -> "keras.Model":
        """The network, read in Keras' safe mode.

        Raises:
            SerkitError: it cannot be read.
        """
        if self._front_end["name"] == "is10":
            import opensmile  # noqa: F401  (before TensorFlow: see serkit.features.functionals)
        try:
            with _hushed():
                import keras

                import serkit.layers  # noqa: F401  (its layers have to be known before a model with them is read)

                return keras.saving.load_model(self.path, compile=False, safe_mode=True)
        except Exception as error:  # a damaged file raises anything
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise SerkitError(f"the network in {self.path} cannot be read ({reason}): get the model again") from error

    def __call__(
        self, signal: np.ndarray, rate: float, words: pd.DataFrame | None = None, rows: int | None = None
    ) -> Answer:
        """Listen to a signal.

        Args:
            signal: (samples,) or (samples, channels), floats in [-1, 1] or 16-bit integers.
            rate: in Hz.
            words: columns start and end in seconds, for models that crop around words (chang2017), and in one window
                only. None: where there is speech is told by its energy.
            rows: values wanted of a trajectory; None: as many as there are.

        Raises:
            SerkitError: a signal that is too short, silent, or holds values that are not finite.
        """
        return self._listen(_from_array(signal, rate), words, rows)

    def file(self, path: Path | str) -> Answer:
        """Listen to a recording; it is read in windows, so that its length does not matter.

        Args:
            path: WAV, FLAC, MP3, OGG or what else libsndfile reads; other formats where ffmpeg is installed.

        Raises:
            SerkitError: as `__call__`; or the file cannot be read.
        """
        with _sound_of(path) as sound:
            return self._listen(sound)

    def of_speaker(self, recordings: Iterable[Path | str | tuple[np.ndarray, float]]) -> "Model":
        """Give this model for one speaker: it scales frames by what these recordings of hers or his have in common.

        Only models that were trained so need it (see `caveats`); others are given back as they are. It takes no labels.
        Recordings should hold all emotions: from a few utterances or from one emotion it does harm.

        Args:
            recordings: paths, or pairs of a signal and its rate in Hz.

        Raises:
            SerkitError: there are none, or as in `file`.
        """
        model = self._copy()
        model.also = [other.of_speaker(recordings := list(recordings)) for other in self.also]
        if self._by_speaker:
            model._speaker = self._measured(recordings)
        else:
            model._in_vain = True
        return model

    def _copy(self) -> "Model":
        """Another one with the same network, which is read once."""
        assert self.network is not None
        return copy.copy(self)

    @property
    def _by_speaker(self) -> bool:
        return self._input.get("scaled by") == "speaker"

    @property
    def title(self) -> str:
        """One line: the paper, its name of the model, the corpus, fold and seed."""
        one = self.manifest
        names = [one["model"], *([self._recipe["dimension"]] if "dimension" in self._recipe else [])]
        where = [
            f"{name} {str(value).removeprefix(name + ' ')}"
            for name, value in one["spec"].items()
            if name in ("fold", "seed")
        ]
        return f"{one['paper']['key']}, {', '.join(names)}: trained on {_corpus(one)}, {', '.join(where)} ({self.path})"

    @property
    def caveats(self) -> list[str]:
        """What the model cannot know, what it reached, and its licence, in sentences."""
        one, name = self.manifest, self.manifest["corpus"]["name"]
        said = ["It was trained on a miniature: synthetic speech, written by a program. Its answers mean nothing."]
        if not one["corpus"]["miniature"]:
            heard = one["corpus"].get("made of") or HEARD.get(name, one["corpus"]["title"])
            said = [f"It has heard {heard}, and nothing else: {STRANGE}"]
        if one["corpus"]["note"]:
            said.append(f"Nobody rated what it learnt: {one['corpus']['note']}.")
        if self._columns:
            said.append(ALWAYS)
        else:
            said.append(LATE)
        reached = []
        for score in one["scores"]:
            digits, unit = (1, " %") if score["unit"] == "%" else (2, "")
            side = {"test": "test speakers"}.get(score["side"], "validation side")
            reached.append(f"{score['measure']} {score['value']:.{digits}f}{unit} on its {side}")
        if reached:
            said.append(f"It reached {'; '.join(reached)} (of this fold and seed alone).")
        if self._by_speaker and self._speaker is None:
            said.append(WITHOUT_SPEAKER)
        if self._in_vain:
            said.append("It scales nothing by speaker: --speaker changes none of its answers.")
        return [*said, f"Corpus: {one['corpus']['title']}; licence {one['corpus']['licence']}."]

    # How a recording is cut

    def _listen(self, sound: "_Sound", words: pd.DataFrame | None = None, rows: int | None = None) -> Answer:
        model = self._copy()  # the network is read before anything else loads what it computes with
        if self._by_speaker and self._speaker is None:
            if self._input["kind"] == "vector":
                raise SerkitError(
                    f"{self.manifest['model']} was trained on vectors scaled by speaker: give other recordings of the "
                    "same speaker (--speaker, or Model.of_speaker)"
                )
            model._speaker = self._measured([sound])
        answer = model._trajectory(sound, rows) if self._input["kind"] == "recordings" else model._windows(sound, words)
        for other in self.also:
            more = other._listen(sound, words, rows).trajectory
            assert answer.trajectory is not None  # models beside it have another dimension
            answer.trajectory = answer.trajectory.merge(more, on="time")
        return answer

    def _windows(self, sound: "_Sound", words: pd.DataFrame | None) -> Answer:
        parts, silent, notes = sound.parts(self.window), [], list(sound.notes)
        if words is not None and len(parts) > 1:
            raise SerkitError(f"words go with one window; {sound.seconds:.1f} s are {len(parts)}: set a longer window")
        rows, heard, names = [], None, [name for own in self._columns.values() for name in own]
        for start, end in parts:
            signal = sound.read(start, end)
            if _silent(signal):
                silent.append(f"{start:.1f} to {end:.1f} s")
                continue
            heard = self._trimmed(signal)
            found = self._scores(heard, words)
            if len(found) != len(names):
                raise SerkitError(f"{self.path} names {len(names)} labels, and its network gives {len(found)} numbers")
            rows.append([start, end, *found])
        if not rows:
            raise SerkitError(f"{sound.name} {NO_SOUND}")
        if silent:
            notes.append(f"{', '.join(silent)}: digital silence, passed over")
        scores = pd.DataFrame(rows, columns=["start", "end", *names])
        probabilities = scores.copy()
        for own in self._columns.values():
            probabilities[own] = _as_probabilities(scores[own].to_numpy(), self._recipe["stored"])
        if len(parts) > 1:
            notes.append(f"answered in {len(parts)} windows of {parts[0][1]:.1f} s; the answer is their mean")
        heard = heard if len(parts) == 1 else None
        return Answer(sound.name, sound.seconds, probabilities, scores, None, notes, heard, self._columns)

    def _trajectory(self, sound: "_Sound", rows: int | None) -> Answer:
        """Values of the whole recording, in parts whose ends are thrown away."""
        from serkit import features

        count, step, align = self._input["stacked"], self._input["step"], self._input["align"]
        frame, window = step / count, self._front_end["window"]
        frames = 1 + (round(sound.seconds * RATE) - round(window * RATE)) // round(frame * RATE)
        total = rows or -(-frames // count)
        whole = sound.seconds <= WHOLE
        size = total if whole else -(-round(PART / step) // align) * align
        margin = 0 if whole else -(-round(self._input["context"] / step) // align) * align
        values, silent = [], True
        for begin in range(0, total, size):
            first, last = max(begin - margin, 0), min(begin + size + margin, total)
            end = sound.seconds if last == total else last * step + window - frame
            signal = sound.read(first * step, end)
            silent &= _silent(signal)
            stacked = features.stack_frames(self._scaled(self._features(signal)), count, last - first)
            found = self._out(stacked.astype(np.float32)[None])[0, :, 0]
            values.append(found[begin - first : begin - first + size])
        if silent:
            raise SerkitError(f"{sound.name} {NO_SOUND}")
        notes = [*sound.notes, *([] if whole else [f"computed in {len(values)} parts that overlap"])]
        named = {"time": np.arange(total) * step, self._recipe["dimension"]: np.concatenate(values)}
        return Answer(sound.name, sound.seconds, trajectory=pd.DataFrame(named), notes=notes)

    # From a signal to what the network is given

    def _spans(self, sound: "_Sound") -> list[tuple[float, float]]:
        """Parts of a recording which together have all of its frames, each once: start and end in seconds."""
        step, more = self._input["step"], self._front_end["window"] - self._input["step"] / self._input["stacked"]
        starts = np.arange(0, max(sound.seconds - more, step), round(PART / step) * step).tolist()
        return [(start, end + more) for start, end in pairwise(starts)] + [(starts[-1], sound.seconds)]

    @property
    def _own(self) -> dict[str, np.ndarray]:
        """What is known of the speaker, once a recording was listened to."""
        assert self._speaker is not None
        return self._speaker

    def _trimmed(self, signal: np.ndarray) -> np.ndarray:
        below = self._front_end.get("trim", 0.0)
        return audio.trim(signal, RATE, below) if below else signal

    def _features(self, signal: np.ndarray) -> np.ndarray:
        """Frames (T, dims) as a store keeps them."""
        from serkit import features

        if not self._latest or not np.array_equal(self._latest[0], signal):  # not yet measured for its speaker
            front_end = getattr(features, self._front_end["name"])
            frames = np.asarray(front_end(signal, RATE, **self._front_end["settings"]), np.float32)
            self._latest[:] = signal, frames
        return self._latest[1]

    def _measured(self, recordings: Iterable) -> dict[str, np.ndarray]:
        """What scaling by speaker takes of a speaker's recordings."""
        kind, count, vectors, names = self._input["kind"], 0, [], []
        greatest, mean, scatter = 0.0, np.zeros(1), np.zeros(1)
        for one in recordings:
            with _sound_of(one) as sound:
                names.append(sound.name)
                for start, end in self._spans(sound) if kind == "recordings" else sound.parts(self.window):
                    signal = sound.read(start, end)
                    if _silent(signal):
                        continue
                    rows = self._features(signal if kind == "recordings" else self._trimmed(signal)).astype(np.float64)
                    vectors += [rows] if kind == "vector" else []
                    greatest = max(greatest, rows.max())
                    own, gap = rows.mean(axis=0), rows.mean(axis=0) - mean
                    total = count + len(rows)
                    scatter = scatter + ((rows - own) ** 2).sum(axis=0) + gap**2 * count * len(rows) / total
                    mean, count = mean + gap * len(rows) / total, total
        if not count:
            raise SerkitError(f"{', '.join(names) or 'nothing'} {NO_SOUND}")
        if kind == "vector":
            return {"vectors": np.concatenate(vectors)}
        if kind == "pieces":
            return {"greatest": np.array(greatest, np.float64)}
        deviation, least = np.sqrt(scatter / count), self._input.get("least deviation", 0.0)
        return {
            "mean": mean,
            "deviation": np.maximum(deviation, least) if least else np.where(deviation > 0, deviation, 1),
        }

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """Frames after what is done to each utterance's, before the network's own input is made of them."""
        from serkit import features

        by = self._input["scaled by"]
        if by == "utterance":
            return features.z_normalise(values)
        if by == "speaker":
            values = (values - self._own["mean"]) / self._own["deviation"]
        elif by == "training" and "mean" in self._statistics:
            values = (values - self._statistics["mean"]) / self._statistics["deviation"]
        if whitening := self._input.get("whitening"):
            learnt = {
                name.removeprefix("whitening "): one for name, one in self._statistics.items() if "whitening" in name
            }
            kind = features.PCAWhitening if "components" in learnt else features.Standardisation
            values = kind(clip=whitening["clip"]).take(learnt).transform(values)
        return values

    def _scores(self, signal: np.ndarray, words: pd.DataFrame | None) -> np.ndarray:
        """What the study stores of one utterance: a number a column."""
        return getattr(self, f"_of_{self._input['kind']}")(self._features(signal), words)

    def _out(self, batch: Any) -> Any:
        return self.network.predict_on_batch(batch)  # compiled: a recurrent layer takes a hundred times as long else

    def _piece_batches(self, values: np.ndarray) -> tuple[np.ndarray, Any]:
        """Where the pieces of an utterance begin, and batches of them (li2018)."""
        from serkit import features
        from serkit.batches import Pieces, segment_starts
        from serkit.features.spectrogram import mulaw

        own, lowest = self._input, np.float32(self._input["lowest"])
        if own["scaled by"] == "speaker":
            values, greatest = values / np.float32(self._own["greatest"]), np.float32(1)
        else:
            greatest = np.float32(self._statistics.get("greatest", 0))

        def network_input(batch: np.ndarray) -> np.ndarray:
            if own["scaled by"] == "segment":
                scaled = features.scale(batch, own["lowest"], axes=(1, 2))
            else:
                scaled = np.minimum(batch / greatest, 1) * np.float32(1 - lowest) + lowest
            return mulaw(scaled).swapaxes(1, 2)[..., None]

        starts = segment_starts(len(values), own["length"], own["hop"])
        pieces = pd.DataFrame({"id": ONE, "start": starts})
        return starts, Pieces(_Store(values), pieces, own["length"], None, network_input, batch_size=16)

    def _of_pieces(self, values: np.ndarray, _words: None) -> np.ndarray:
        from scipy.special import softmax

        from serkit import inspection

        starts, batches = self._piece_batches(values)
        scores = np.concatenate([self._out(batches[number]) for number in range(len(batches))])
        scores = softmax(scores, axis=1) if self._input["mean of"] == "probabilities" else scores
        return inspection.average_scores([ONE] * len(starts), scores)[1][0]

    def _sequence(self, values: np.ndarray) -> Any:
        from serkit.batches import Sequences

        return Sequences(_Store(self._scaled(values)), [ONE], length=self._input.get("length", 0))

    def _of_sequences(self, values: np.ndarray, _words: None) -> np.ndarray:
        return _stored(self._out(self._sequence(values)[0])["emotion"], self._recipe["stored"])[0]

    def _weights(self, signal: np.ndarray) -> np.ndarray | None:
        """Attention over the frames of a signal, (T,); None where a model has none."""
        from serkit import inspection
        from serkit.layers import WeightedPooling

        if not any(isinstance(layer, WeightedPooling) for layer in self.network.layers) or self._input.get("length"):
            return None
        return inspection.attention_of(self.network, self._sequence(self._features(signal)))[ONE][1]

    def _maps(self, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Frames (T, dims), and the attention over them (height, T), mean over the pieces; None where there is none."""
        import keras

        from serkit.layers import AttentionPooling2D

        values = self._features(signal)
        found = [layer for layer in self.network.layers if isinstance(layer, AttentionPooling2D)]
        if not found:
            return values, None
        below, length = keras.Model(self.network.input, found[0].input), self._input["length"]
        starts, batches = self._piece_batches(values)
        inputs = [found[0].maps(below(batches[number], training=False))[1] for number in range(len(batches))]
        maps = np.concatenate([keras.ops.convert_to_numpy(one)[..., 0] for one in inputs])  # (pieces, height, width)
        each = (maps * maps[0].size)[:, :, np.arange(length) * maps.shape[2] // length]
        total, count = np.zeros((maps.shape[1], starts[-1] + length)), np.zeros(starts[-1] + length)
        for start, one in zip(starts, each, strict=True):
            total[:, start : start + length] += one
            count[start : start + length] += 1
        return values, (total / np.maximum(count, 1))[:, : len(values)]

    def _of_vector(self, values: np.ndarray, _words: None) -> np.ndarray:
        from serkit import features

        rows = np.asarray(values, np.float64)
        if self._by_speaker:
            rows = features.standardise(rows, self._own["vectors"])
        mean, deviation = self._statistics["mean"], self._statistics["deviation"]
        scaled = np.where(deviation > 0, ((rows - mean) / np.where(deviation > 0, deviation, 1)).clip(-10, 10), 0)
        return _stored(self._out(scaled.astype(np.float32))["emotion"], self._recipe["stored"])[0]

    def _of_crops(self, values: np.ndarray, words: pd.DataFrame | None) -> np.ndarray:
        from serkit import inspection
        from serkit.batches import Crops, speech_regions

        own, store = self._input, _Store(values)
        words = None if words is None else words.assign(id=ONE)
        regions = speech_regions(store, [ONE], words, own["hop"], range_db=self._front_end["settings"]["range_db"])
        some = {"hop": own["hop"], "surroundings": own["surroundings"]}
        crops = Crops(store, regions, own["width"], own["crops"], ids=[ONE], each=own["crops"], **some)
        found = self._out(crops[0])
        return np.concatenate(
            [
                inspection.average_scores(crops.ids[crops.rows], _of_fuzzy_labels(found[task], own["targets"]))[1][0]
                for task in self._columns
            ]
        )


class _Store:
    """The features of one recording, where batches expect stored ones of many."""

    def __init__(self, values: np.ndarray):
        self.values = values
        self.index = pd.DataFrame({"offset": [0], "frames": [len(values)]}, index=[ONE])

    def __getitem__(self, _name: str) -> np.ndarray:
        return self.values


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Within the block nothing is written to stderr: libraries print what they found of GPUs past every setting."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _stored(logits: np.ndarray, how: str) -> np.ndarray:
    """Logits as the study stores them."""
    import keras

    functions = {"log probabilities": keras.ops.log_softmax, "probabilities": keras.ops.softmax}
    return keras.ops.convert_to_numpy(functions[one_of(how, functions, "way to store scores")](logits))


def _as_probabilities(scores: np.ndarray, how: str) -> np.ndarray:
    from scipy.special import softmax

    one_of(how, ("logits", "log probabilities", "probabilities"), "way to store scores")
    return scores if how == "probabilities" else softmax(scores, axis=1)


def _of_fuzzy_labels(outputs: np.ndarray, targets: str) -> np.ndarray:
    """chang2017's classifiers' answers as distributions, (N, 5)."""
    from scipy.special import expit, softmax

    from serkit import fuzzy

    if one_of(targets, ("fuzzy", "binary", "regression"), "targets") == "regression":
        return fuzzy.fuzzy_targets(3 + 2 * outputs[:, 0])
    chances = expit(outputs) if targets == "binary" else softmax(outputs, axis=1)
    return chances / chances.sum(axis=1, keepdims=True)


def _corpus(manifest: dict) -> str:
    return manifest["corpus"]["name"] + " miniature" * manifest["corpus"]["miniature"]


# Recordings


@dataclass
class _Sound:
    """A recording, read piece by piece.

    Attributes:
        name: what errors call it.
        seconds: its length.
        read: ``read(start, end)`` in seconds gives that piece, mono at 16 kHz.
        notes: how it is treated.
    """

    name: str
    seconds: float
    read: Callable[[float, float], np.ndarray]
    notes: list[str]

    def parts(self, longest: float) -> list[tuple[float, float]]:
        """Equal parts of at most `longest` seconds: start and end of each."""
        edges = np.linspace(0, self.seconds, max(int(np.ceil(self.seconds / longest - 1e-9)), 1) + 1)
        return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _silent(signal: np.ndarray) -> bool:
    """Whether all samples are the same: digital silence, or a constant."""
    return not (signal != signal[:1]).any()


def _sound(name: str, seconds: float, rate: float, channels: int, read: Callable) -> _Sound:
    if seconds < SHORTEST:
        raise SerkitError(f"{name} lasts {seconds:.3f} s: give {SHORTEST:g} s of speech or more")
    if rate < LOWEST_RATE:
        raise SerkitError(f"{name} has {rate:g} samples a second, too few for a voice ({LOWEST_RATE} or more)")
    notes = []
    if channels > 1:
        notes.append(f"{channels} channels, of which the mean is taken")
    if rate < RATE:
        notes.append(f"{rate:g} Hz hold nothing above {rate / 2:g} Hz, and models have heard up to 8000 Hz: take care")
    elif rate > RATE:
        notes.append(f"resampled from {rate:g} to {RATE} Hz")
    return _Sound(name, seconds, read, notes)


def _from_array(signal: np.ndarray, rate: float) -> _Sound:
    import soxr

    signal = np.asarray(signal)
    if not signal.size:
        raise SerkitError("the signal is empty: it has no samples")
    if signal.ndim not in (1, 2) or (signal.ndim == 2 and signal.shape[1] > signal.shape[0]):
        raise SerkitError(f"a signal has the shape (samples,) or (samples, channels); got {signal.shape}")
    if signal.dtype.kind not in "fi" or (signal.dtype.kind == "i" and signal.dtype != np.int16):
        raise SerkitError(f"a signal is of floats in [-1, 1] or 16-bit integers; got {signal.dtype}")
    if not isinstance(rate, int | float | np.number) or not rate > 0:
        raise SerkitError(f"a sample rate is a positive number of Hz; got {rate!r}")
    channels = 1 if signal.ndim == 1 else signal.shape[1]
    signal = signal.astype(np.float32) / (32768 if signal.dtype == np.int16 else 1)
    if not np.isfinite(signal).all():
        raise SerkitError("the signal holds samples that are not finite numbers: mend it")
    mono = signal if signal.ndim == 1 else signal.mean(axis=1)
    if np.abs(mono).max() > 2:
        raise SerkitError(f"the signal reaches {np.abs(mono).max():g}: scale it to [-1, 1]")
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE, quality="VHQ")

    def read(start: float, end: float) -> np.ndarray:
        return mono[round(start * RATE) : round(end * RATE)]

    return _sound("the signal", len(signal) / rate, rate, channels, read)


@contextlib.contextmanager
def _from_file(path: Path, named: Path) -> Iterator[_Sound]:
    """As `serkit.audio.read` reads it, opened once: to find a place in an MP3 is slow. `named` is what errors say."""
    import soundfile
    import soxr

    found = audio.info(path)
    rate = found.sample_rate
    with soundfile.SoundFile(path) as stream:

        def read(start: float, end: float) -> np.ndarray:
            first, last = round(start * rate), min(round(end * rate), found.samples)
            mono = audio.piece(stream, first, last, named)
            return mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="VHQ")

        yield _sound(str(named), found.duration, rate, found.channels, read)


@contextlib.contextmanager
def _sound_of(one: Any) -> Iterator[_Sound]:
    if isinstance(one, _Sound):
        yield one
    elif isinstance(one, tuple):
        yield _from_array(*one)
    else:
        with _decoded(Path(one)) as readable, _from_file(readable, Path(one)) as sound:
            yield sound


@contextlib.contextmanager
def _decoded(path: Path) -> Iterator[Path]:
    """A file that libsndfile reads: the one given, or what ffmpeg makes of it.

    Raises:
        SerkitError: nothing here reads it.
    """
    try:
        audio.info(path)
        readable = True
    except SerkitError:
        if not path.is_file() or not path.stat().st_size or path.suffix.lower() not in NEEDS_FFMPEG:
            raise
        readable = False
    if readable:
        yield path
        return
    program = shutil.which("ffmpeg")
    if program is None:
        raise SerkitError(
            f"{path} needs ffmpeg to be read, which is not installed: install it, or save it as WAV or FLAC"
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "decoded.wav"
        command = [program, "-v", "error", "-nostdin", "-i", str(path.resolve()), "-vn", "-c:a", "pcm_s16le", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not made.is_file():
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SerkitError(f"ffmpeg cannot read {path} ({last}): save it as WAV or FLAC")
        yield made


# Pictures


def plot(model: Model, answer: Answer, path: Path | str) -> None:
    """Draw an answer into a file whose suffix names the format.

    Trajectories over time; probabilities over several windows; of one window the spectrogram, with the attention over
    it where the model has any, and the probabilities.
    """
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    from serkit import files, plots

    if answer.trajectory is not None:
        times, dimensions = answer.trajectory["time"], answer.trajectory.drop(columns="time")
        figure, panels = plots.axes(rows=len(dimensions.columns), width=9, height=2.4, sharex=True)
        for (axis,), (name, values) in zip(panels, dimensions.items(), strict=True):
            axis.plot(times, values)
            axis.set(ylabel=name, xlim=(0, answer.seconds))
        panels[-1, 0].set_xlabel("time (s)")
    elif answer.probabilities is not None and len(answer.probabilities) > 1:
        figure = _over_windows(model, answer)
    else:
        figure = _of_one_window(model, answer)
    warning = ": miniature, the answer means nothing" * model.manifest["corpus"]["miniature"]
    title = f"{Path(answer.name).name}: {model.manifest['paper']['key']}, {model.manifest['model']}{warning}"
    figure.suptitle(title, fontsize=10)
    with files.atomic(path) as temporary:
        figure.savefig(temporary, dpi=150, format=Path(path).suffix.removeprefix(".") or "png")
    plt.close(figure)


def _over_windows(model: Model, answer: Answer) -> Any:
    from serkit import plots

    figure, panels = plots.axes(rows=len(model._columns), width=9, height=3, sharex=True)
    windows = answer.probabilities
    assert windows is not None
    edges = [*windows["start"], windows["end"].iloc[-1]]
    for (axis,), (task, names) in zip(panels, model._columns.items(), strict=True):
        for number, name in enumerate(names):
            colour, line = plots.COLOURS[number % len(plots.COLOURS)], ("-", "--")[number // len(plots.COLOURS)]
            values = windows[name]
            axis.step(edges, [*values, values.iloc[-1]], where="post", color=colour, linestyle=line, label=name)
        axis.set(ylabel=f"probability of {task}", ylim=(0, 1), xlim=(0, edges[-1]))
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        axis.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlabel("time (s)")
    return figure


def _of_one_window(model: Model, answer: Answer) -> Any:
    from serkit import features, plots

    signal, kind = answer.signal, model._input["kind"]
    assert signal is not None  # there is one window
    speaker = model if model._speaker or not model._by_speaker else model.of_speaker([(signal, RATE)])
    weights, grid = speaker._weights(signal) if kind == "sequences" else None, None
    heights = [3] + [1.2] * (weights is not None) + [1.8] * len(model._columns)
    figure, panels = plots.axes(rows=len(heights), width=8, height=sum(heights) / len(heights), height_ratios=heights)
    top = panels[0, 0]
    if kind == "pieces":
        settings, values, grid = model._front_end["settings"], *speaker._maps(signal)
        plots.spectrogram(top, 20 * np.log10(values / values.max() + 1e-3), settings["hop"], 4000, cmap="gray")
        if grid is not None:
            shown = plots.overlay(top, grid, settings["hop"], 4000, len(values))
            figure.colorbar(shown, ax=top, label="attention (even: 1)")
    else:
        plots.spectrogram(top, features.log_spectrogram(signal, RATE), 0.016, 8000)
    if model._front_end.get("trim"):
        top.set_xlabel("time (s) from the first sound on")
    if weights is not None:
        lower = panels[1, 0]
        edges = np.linspace(0, len(signal) / RATE, len(weights) + 1)
        lower.stairs(weights * len(weights), edges, fill=True)
        lower.axhline(1, color="black", linestyle="--", linewidth=1)
        lower.set(ylabel="attention\n(even: 1)", xlabel=top.get_xlabel(), xlim=top.get_xlim(), ylim=(0, None))
        top.set_xlabel("")
    for axis, (task, names) in zip(panels[-len(model._columns) :, 0], model._columns.items(), strict=True):
        values = answer.overall[names]
        bars = axis.bar(range(len(names)), values, color=plots.COLOURS[0])
        axis.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=8)
        axis.set_xticks(range(len(names)), names)
        axis.set(ylabel=f"probability\nof {task}", ylim=(0, 1.15))
        axis.spines[["top", "right"]].set_visible(False)
    return figure


# What a study says of its models


def facts_of(results: Any, proposed: Sequence[str]) -> dict:
    """What all models of a study say of themselves: the paper, the corpus with its licence, and which it proposes.

    Args:
        results: `serkit.report.Results`.
        proposed: the paper's own models, by its names.
    """
    from serkit.corpora import proxy

    paper, speech = results.paper, results.corpus
    corpus = {"name": speech.name, "title": speech.title, "miniature": speech.miniature, "citation": speech.citation}
    corpus |= {"licence": speech.licence, "redistributable": speech.redistributable, "note": results.note}
    root = Path(speech.root)
    marker = (root.parent if root.is_file() else root) / proxy.MARKER
    if marker.is_file():  # which says what it was made of
        made_of = json.loads(marker.read_text(encoding="utf-8"))
        corpus |= {"made of": made_of["source"], "licence": made_of["licence"]}
    about = {"key": paper.key, "title": paper.title, "authors": paper.authors, "venue": paper.venue}
    return {"paper": about, "corpus": corpus, "proposed": list(proposed), "scores": []}


def accuracies(predictions: pd.DataFrame) -> list[dict]:
    """UA and WA in % of predictions, on each side that they have: tested utterances, and validation ones.

    Args:
        predictions: columns label and predicted, and side where there are several.
    """
    from serkit import metrics

    sides = predictions["side"] if "side" in predictions else pd.Series("test", predictions.index)
    found = []
    for side, part in predictions.groupby(sides, sort=False):
        for name, metric in metrics.ACCURACIES.items():
            value = round(100 * metric(part["label"], part["predicted"]), 2)
            found.append({"side": side, "measure": name, "value": value, "unit": "%", "utterances": len(part)})
    return sorted(found, key=lambda one: (one["side"] != "validation", one["measure"] != "UA"))
