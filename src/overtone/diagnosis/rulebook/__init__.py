"""The rules of a verdict; each registers itself."""

__all__: list[str] = []
