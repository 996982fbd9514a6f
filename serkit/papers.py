"""The papers that serkit reproduces, and the settings of their profiles.

A profile is a set of values for a notebook's parameters. `quick` is what stands in the notebook itself;
`smoke` is for tests; `paper` is every setting as published, and what a result must have been made with
to be compared with the paper.
"""

from dataclasses import dataclass

from serkit.errors import SerkitError, choose


@dataclass(frozen=True)
class Paper:
    """A paper and its notebook.

    Attributes:
        key: short name.
        title: of the paper.
        authors: of the paper.
        venue: where and when it appeared.
        notebook: file name in ``notebooks/``.
        corpus: the corpus of the paper's results; its miniature is used when no corpus is named.
        others: further corpora that the notebook takes.
        also: further corpora of the paper's results.
        profiles: parameter values of each profile.
    """

    key: str
    title: str
    authors: str
    venue: str
    notebook: str
    corpus: str
    others: tuple[str, ...]
    profiles: dict[str, dict]
    also: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str, ...]:
        """The corpora of the paper's results."""
        return (self.corpus, *self.also)

    @property
    def corpora(self) -> tuple[str, ...]:
        """Every corpus that the notebook takes."""
        return (*self.own, *self.others)


PAPERS = {
    paper.key: paper
    for paper in [
        Paper(
            key="tao2018",
            title="Advanced LSTM: A study about better time dependency modeling in emotion recognition",
            authors="Tao, Liu",
            venue="ICASSP 2018, arXiv:1710.10197",
            notebook="tao2018_advanced_lstm.ipynb",
            corpus="iemocap",
            others=("ravdess", "manifest"),
            profiles={
                "smoke": {
                    "pairs": 1,
                    "epochs": 1,
                    "steps": [3, 1],
                    "dense_units": 16,
                    "recurrent_units": 8,
                    "shared_units": 32,
                    "task_units": 16,
                    "timing": [2, 20, 8],
                },
                "quick": {},
                "paper": {
                    "classes": ["neutral", "happy", "angry", "sad"],
                    "style": "",
                    "hop": 0.010,
                    "harmonic": "compatible",
                    "epsilon": 1e-8,
                    "split": "pairs",
                    "pairs": 0,
                    "validation": 0.1,
                    "stop_after": 3,
                    "keep": "best",
                    "epochs": 200,
                    "batch_size": 32,
                    "models": ["conventional LSTM", "mean LSTM", "advanced LSTM"],
                    "steps": [5, 3, 1],
                    "dense_units": 256,
                    "recurrent_units": 128,
                    "shared_units": 4096,
                    "task_units": 2048,
                    "features_to_tasks": False,
                    "task_weights": [1.0, 0.3, 0.6],
                    "dropout": 0.5,
                    "learning_rate": 0.001,
                    "dnn_learning_rate": 0.01,
                    "fusion_penalty": 0.0,
                    "timing": [32, 450, 128],
                },
            },
        ),
        Paper(
            key="khorram2017",
            title="Capturing long-term temporal dependencies with convolutional networks for continuous emotion "
            "recognition",
            authors="Khorram, Aldeneh, Dimitriadis, McInnis, Mower Provost",
            venue="Interspeech 2017, arXiv:1708.07050",
            notebook="khorram2017_temporal_convnets.ipynb",
            corpus="recola",
            others=("continuous",),
            profiles={
                "smoke": {
                    "seconds": 8.0,
                    "models": ["BLSTM", "Dilated", "Down/Up"],
                    "lstm_units": [4],
                    "depth": 4,
                    "dilated_width": 8,
                    "down_widths": [8, 8],
                    "epochs": 1,
                    "filter_lengths": [2, 16],
                    "filter_epochs": 1,
                    "filter_seeds": 1,
                    "timing": [1, 50],
                },
                "quick": {},
                "paper": {
                    "dimensions": ["arousal", "valence"],
                    "seconds": 0.0,
                    "dither": 0.0,
                    "models": ["BLSTM", "Dilated", "Down/Up"],
                    "kernel": 3,
                    "activation": "relu",
                    "depth": 10,
                    "dilated_width": 32,
                    "down_widths": [32, 128],
                    "down_layers": 4,
                    "factor": 3,
                    "up_kernel": 6,
                    "lstm_units": [64, 64],
                    "learning_rate": 0.001,
                    "l2": 0.0,
                    "epochs": 100,
                    "stop_after": 15,
                    "filter_lengths": [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048],
                    "filter_epochs": 100,
                    "filter_seeds": 10,
                    "timing": [5, 7501],
                },
            },
        ),
        Paper(
            key="li2018",
            title="An attention pooling based representation learning method for speech emotion recognition",
            authors="Li, Song, McLoughlin, Guo, Dai",
            venue="Interspeech 2018, doi:10.21437/Interspeech.2018-1242",
            notebook="li2018_attention_pooling.ipynb",
            corpus="iemocap",
            others=("ravdess", "manifest"),
            profiles={
                "smoke": {
                    "folds": 2,
                    "fold_limit": 1,
                    "epochs": 1,
                    "filter_heights": [2, 10],
                    "filter_widths": [8],
                    "filter_epochs": 1,
                    "filter_fold_limit": 1,
                    "test_hop": 2.0,
                },
                "quick": {},
                "paper": {
                    "classes": ["neutral", "happy", "sad", "angry"],
                    "style": "improvised",
                    "folds": 0,
                    "fold_limit": 0,
                    "segment": 2.0,
                    "train_hop": 1.0,
                    "test_hop": 0.4,
                    "shift": 0.010,
                    "resolution": 10.0,
                    "lowest": -1.0,
                    "pool_after": [2, 3],
                    "attention_softmax": True,
                    "attention_pool": "sum",
                    "epochs": 50,
                    "batch_size": 64,
                    "learning_rate": 0.05,
                    "drops_after": [0.4, 0.6, 0.8],
                    "weight_decay": 1e-4,
                    "average": "probabilities",
                    "filter_heights": [2, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100],
                    "filter_widths": [2, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80],
                    "filter_epochs": 50,
                    "filter_fold_limit": 0,
                },
            },
        ),
        Paper(
            key="zhao2018",
            title="Exploring spatio-temporal representations by integrating attention-based bidirectional-LSTM-RNNs "
            "and FCNs for speech emotion recognition",
            authors="Zhao, Zheng, Zhang, Wang, Zhao, Li",
            venue="Interspeech 2018",
            notebook="zhao2018_attention_blstm_fcn.ipynb",
            corpus="iemocap",
            also=("cheavd",),
            others=("ravdess", "manifest"),
            profiles={
                "smoke": {
                    "components": 8,
                    "folds": 1,
                    "filters": [16, 16],
                    "cells": 16,
                    "hidden": [16],
                    "length": 8,
                    "epochs": 2,
                    "repeats": 1,
                },
                "quick": {},
                "paper": {
                    "classes": [""],
                    "models": [""],
                    "hop": 512,
                    "silence": "neutral",
                    "components": 0,
                    "floor": 1e-9,
                    "folds": 0,
                    "share": 0.1,
                    "filters": [128, 64],
                    "kernels": [8, 5],
                    "cells": 64,
                    "dropout": 0.5,
                    "hidden": [64],
                    "momentum": 0.99,
                    "length": 100,
                    "optimiser": "sgd",
                    "learning_rate": 0.01,
                    "epochs": 100,
                    "stop_after": 20,
                    "batch_size": 50,
                    "repeats": 5,
                },
            },
        ),
        Paper(
            key="chang2017",
            title="Learning representations of emotional speech with deep convolutional generative adversarial "
            "networks",
            authors="Chang, Scherer",
            venue="ICASSP 2017, arXiv:1705.02394",
            notebook="chang2017_dcgan.ipynb",
            corpus="iemocap",
            others=("ravdess", "manifest"),
            profiles={
                "smoke": {
                    "crop_widths": [32, 32, 32, 32],
                    "filter_counts": [4, 4, 4, 4],
                    "units": 8,
                    "epochs": 2,
                    "patience": 2,
                    "test_crops": 2,
                    "shares": [0.0],
                },
                "quick": {},
                "paper": {
                    "unlabelled": "ami",
                    "hop": 0.016,
                    "top": 8000.0,
                    "bands": "linear",
                    "reference": "utterance",
                    "folds": 0,
                    "groups": 0,
                    "models": ["BasicCNN", "MultitaskCNN", "BasicDCGAN", "MultitaskDCGAN"],
                    "crop_widths": [128, 64, 128, 64],
                    "learning_rates": [1e-4, 1e-3, 1e-4, 1e-4],
                    "batch_sizes": [64, 128, 64, 128],
                    "filter_sizes": [15, 8, 9, 6],
                    "filter_counts": [84, 32, 72, 88],
                    "widening": 1,
                    "units": 128,
                    "noise": 100,
                    "normalisation": True,
                    "momentum": 0.9,
                    "beta": 0.5,
                    "evenness": 0.5,
                    "epochs": 200,
                    "patience": 5,
                    "test_crops": 10,
                    "shares": [0.0, 0.25, 0.5, 1.0],
                    "search": 0,
                    "search_filters": [32, 90],
                },
            },
        ),
    ]
}


def find(key: str) -> Paper:
    """Return a paper.

    Raises:
        SerkitError: there is none of that key.
    """
    return PAPERS[choose(key, PAPERS, "paper")]


def profile_values(paper: Paper, profile: str) -> dict:
    """Return the values that a profile gives to the parameters of a paper's notebook.

    Raises:
        SerkitError: there is no such profile.
    """
    return dict(paper.profiles[choose(profile, paper.profiles, "profile")])


def usable_corpus(paper: Paper, name: str) -> str:
    """Return `name` if the paper's notebook takes that corpus.

    Raises:
        SerkitError: it does not.
    """
    if name not in paper.corpora:
        raise SerkitError(f"{paper.key} does not run on {name!r}; it takes: {', '.join(paper.corpora)}")
    return name
