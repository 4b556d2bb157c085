"""Adapters: what other programs expect of Overtone, each in a module of its own that nothing else imports."""

__all__: list[str] = []
