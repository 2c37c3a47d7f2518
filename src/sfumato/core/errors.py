"""Every error that sfumato raises on purpose, drawn as one tree.

SfumatoError
|-- InputError (ValueError)         what was given cannot be used
|   |-- ShapeError                  lengths or shapes do not fit each other
|   |-- LabelError                  an observation that its kind does not allow
|   |-- ParameterError              an argument outside its bounds, an unknown name
|   |-- TableError                  a table without the column, of the wrong type, unreadable
|   `-- RefusedError                possible in principle, refused by name; the message says what scales or fits
|-- NeedError (ValueError)          a fact about the world is missing; the message says how to supply it
|-- FileError (OSError)             a file is missing, truncated, foreign or from another version
|-- NotFittedError                  predict before fit; stands in estimators/, since it is also scikit-learn's
`-- DivergedError (ArithmeticError) training left the finite numbers

An error says three things: what was seen, what is wanted, what to do.
"""

from __future__ import annotations


class SfumatoError(Exception):
    """Base of the tree; ``saw``, ``wants`` and ``do`` are kept as attributes for machines."""

    def __init__(self, saw: str, wants: str = "", do: str = "") -> None:
        self.saw, self.wants, self.do = saw, wants, do
        text = saw
        if wants:
            text += f"; wanted {wants}"
        if do:
            text += f". {do[0].upper()}{do[1:]}"
        super().__init__(text if text.endswith(".") else text + ".")

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # Errors cross process borders (the pool of runs): rebuild them from their three parts.
        return type(self), (self.saw, self.wants, self.do)


class InputError(SfumatoError, ValueError):
    """What was given cannot be used."""


class ShapeError(InputError):
    """Lengths or shapes do not fit each other."""


class LabelError(InputError):
    """An observation that its kind does not allow."""


class ParameterError(InputError):
    """An argument outside its bounds, or an unknown name."""


class TableError(InputError):
    """A table without the column, with a column of the wrong type, or unreadable."""


class RefusedError(InputError):
    """Possible in principle, refused by name; the message points to what scales or fits."""


class NeedError(SfumatoError, ValueError):
    """A fact about the world (a prior, a matrix, a propensity) is missing."""


class FileError(SfumatoError, OSError):
    """A file is missing, truncated, foreign or from another version."""


class DivergedError(SfumatoError, ArithmeticError):
    """Training left the finite numbers."""
