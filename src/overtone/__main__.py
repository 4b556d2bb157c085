"""``python -m overtone``: the command line, also under ``torchrun -m overtone train ...``."""

from overtone.cli import main

main()
