"""``python -m overtone.cli``, and with it ``torchrun -m overtone.cli train ...``."""

from overtone.cli import main

main()
