"""The miniature of nEMO: 70 recordings of six speakers in six emotions, with data.tsv; MK0 is never surprised."""

import itertools
from pathlib import Path

from serkit.corpora.loaders import nemo
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
SPEAKERS = {"EB0": ("f", 27), "KD0": ("f", 28), "MK0": ("f", 23), "KS0": ("m", 23), "SM0": ("m", 24), "WR0": ("m", 23)}
SENTENCES = (1, 64)


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    lines, counts = [], {}
    table = ["\t".join((*nemo.COLUMNS[:3], "normalized_text", *nemo.COLUMNS[3:]))]
    for (speaker, (gender, age)), (code, label) in itertools.product(SPEAKERS.items(), nemo.EMOTIONS.items()):
        if (speaker, label) == ("MK0", "surprised"):  # as in the corpus
            continue
        counts[f"{speaker} {label}"] = len(SENTENCES)
        for sentence in SENTENCES:
            name = f"{speaker}_{code}_{sentence}.wav"
            lines.append(acted.Line(f"samples/{name}", speaker, gender, label, sentence))
            spoken = acted.SENTENCES[sentence % len(acted.SENTENCES)].capitalize()
            known = "female" if gender == "f" else "male"
            table.append("\t".join((name, code, f"{spoken}.", spoken.lower(), speaker, known, str(age))))
    (root / nemo.TABLE).write_text("\n".join(table) + "\n", encoding="utf-8", newline="\n")
    return acted.record(root, lines, seed, nemo.SAMPLE_RATES[0]) | counts
