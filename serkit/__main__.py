"""``python -m serkit`` is the command ``serkit``."""

from serkit.cli import main

if __name__ == "__main__":
    main()
