"""The notebooks travel in the package as ``serkit._notebooks``; pyproject.toml says everything else."""

import sys

from setuptools import find_packages, setup

if "develop" in sys.argv:  # as pip did before 21.3
    sys.exit("serkit needs pip 21.3 or newer. Type: python -m pip install --upgrade pip, and the same command again")

setup(
    packages=[*find_packages(include=["serkit", "serkit.*"]), "serkit._notebooks"],
    package_dir={"serkit._notebooks": "notebooks"},
    package_data={
        "serkit": [
            "templates/*",
            *[f"papers/{folder}*.{kind}" for folder in ("", "*/", "companions/*/") for kind in ("toml", "csv")],
        ],
        "serkit._notebooks": ["*.ipynb"],
    },
)
