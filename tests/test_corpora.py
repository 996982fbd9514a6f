"""What all corpora have in common: the facts each module states, and how loading fails."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkit import corpora
from serkit.corpora import checks
from serkit.corpora import table as tables
from serkit.errors import SerkitError


def test_every_loader_is_a_corpus_and_miniatures_are_of_corpora():
    known = ("ami", "cheavd", "continuous", "iemocap", "librispeech", "manifest", "ravdess", "recola")
    assert known == corpora.NAMES
    assert corpora.miniatures.NAMES == ("ami", "cheavd", "iemocap", "recola")


@pytest.mark.parametrize("name", corpora.NAMES)
def test_a_corpus_states_its_facts(name):
    module = corpora.module(name)
    assert "Facts:" in module.__doc__
    assert "Extra column" in module.__doc__
    for constant in ("TITLE", "LICENCE", "HOW_TO_GET"):
        assert len(getattr(module, constant)) > 10, constant
    assert module.CITATION.startswith("@") or name in ("continuous", "manifest")  # the user's own
    assert isinstance(module.REDISTRIBUTABLE, bool)
    assert module.STEREO in (None, *checks.LEVELS)
    assert callable(module.read)
    assert callable(module.check)


@pytest.mark.parametrize("name", corpora.NAMES)
def test_a_missing_root_says_how_to_get_the_corpus(name, tmp_path):
    with pytest.raises(SerkitError, match=r"there is no (folder|file) .*nowhere") as raised:
        corpora.load(name, tmp_path / "nowhere")
    assert corpora.module(name).HOW_TO_GET in str(raised.value)


@pytest.mark.parametrize("name", ["iemocap", "ravdess"])
def test_a_folder_without_the_corpus_says_what_is_expected(name, tmp_path):
    with pytest.raises(SerkitError, match=r"(?s)no folder (Session1|Actor_01).*expected|no folder (Session1|Actor_01)"):
        corpora.load(name, tmp_path)


def test_a_misspelt_corpus_is_named_with_the_valid_ones():
    names = ", ".join(corpora.NAMES)
    with pytest.raises(SerkitError, match=rf"'iemocab' .did you mean 'iemocap'.*valid: {names}"):
        corpora.load("iemocab", ".")


def test_a_miniature_of_another_corpus_is_refused(tmp_path):
    (tmp_path / corpora.MARKER).write_text('{"name": "iemocap", "expected": {}}')
    with pytest.raises(SerkitError, match="is a miniature of iemocap, not of ravdess"):
        corpora.load("ravdess", tmp_path)
    (tmp_path / corpora.MARKER).write_text("{")
    with pytest.raises(SerkitError, match=r"cannot read .*write the miniature again"):
        corpora.load("iemocap", tmp_path)


def test_the_table_has_every_column_and_is_sorted():
    table = tables.utterance_table([{"id": "b", "valence": 3}, {"id": "a"}], extra=["take"])
    assert list(table.columns) == [*corpora.COLUMNS, "take"]
    assert list(table["id"]) == ["a", "b"]
    assert np.isnan(table["valence"][0])
    assert table["start"].dtype == np.float64


def problems_of(path, **settings):
    settings = {"sample_rates": (16000,), "stereo": "error"} | settings
    found = checks.audio_problems([str(path)], **settings)
    return [(problem.level, problem.what) for problem in found]


def test_a_deep_check_hears_silence_clipping_and_what_is_no_number(tmp_path):
    path, loud = tmp_path / "a.wav", np.sin(np.arange(8000) / 5)
    soundfile.write(path, loud / 2, 16000)
    assert problems_of(path, deep=True) == []
    soundfile.write(path, loud * 3, 16000)
    assert problems_of(path) == []
    assert problems_of(path, deep=True)[0][0] == "warning"
    assert "clipped" in problems_of(path, deep=True)[0][1]
    soundfile.write(path, loud * 0, 16000)
    assert problems_of(path, deep=True) == [("error", "every sample is zero")]
    loud[7] = np.nan
    soundfile.write(path, loud, 16000, subtype="FLOAT")
    assert "not finite" in problems_of(path, deep=True)[0][1]


def test_a_header_check_names_rate_channels_and_length(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((8000, 2)), 8000)
    assert problems_of(path, durations=[3.0]) == [
        ("error", "sample rate 8000 Hz instead of 16000 Hz"),
        ("error", "2 channels instead of one"),
        ("warning", "lasts 1.00 s, but its label line says 3.00 s"),
    ]
    assert problems_of(path, sample_rates=None, stereo=None) == []


def test_corpora_without_alignment_or_ratings_have_empty_tables(tmp_path):
    corpus = corpora.Corpus("ravdess", tmp_path, pd.DataFrame())
    assert list(corpus.words()) == ["id", "word", "start", "end"]
    assert corpus.words().empty
    assert list(corpus.ratings())[:3] == ["id", "rater", "label"]
    assert not corpus.redistributable
