"""``python -m ccjac_trainer`` is ``ccjac-train``."""

from .cli import main

if __name__ == "__main__":
    main()
