"""Batches for Keras, read straight from stored features: one module a way of cutting speech."""

from serkit.batches.crops import Crops, mixed, speech_regions
from serkit.batches.pieces import Pieces, segment_starts
from serkit.batches.recordings import Recordings
from serkit.batches.sequences import Sequences

__all__ = ["Crops", "Pieces", "Recordings", "Sequences", "mixed", "segment_starts", "speech_regions"]
