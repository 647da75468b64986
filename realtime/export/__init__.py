"""Results as files: every frame is spooled while tracking runs, the file appears whole at the end."""

from .open import SUFFIXES, Export, open_export

__all__ = ["SUFFIXES", "Export", "open_export"]
