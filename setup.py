"""The notebooks travel in the package as ``serkit._notebooks``; pyproject.toml says everything else."""

from setuptools import find_packages, setup

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
