"""Small readers of public real sets that a person has put on this machine; nothing is downloaded or copied.

They lie in the folder that SFUMATO_REAL_DATA names, else in ``../shared/data`` seen from the present folder.
"""

from __future__ import annotations

from sfumato.core.errors import FileError

from . import classes, others, pictures, votes
from .found import Absent, Found, Reader, folder
from .pictures import described
from .votes import CROWDS, FUNCTIONS

READERS: dict[str, Reader] = {**votes.READERS, **classes.READERS, **pictures.READERS, **others.READERS}


def read(name: str) -> Found:
    """A real set by name. Errors: Absent where its file is not there, FileError where it cannot be read."""
    reader = READERS[name]
    path = folder() / reader.file
    if not path.is_file():
        raise Absent(f"{name}: no file {path} (SFUMATO_REAL_DATA names the folder of the real sets)")
    try:
        return reader.load(path)
    except (OSError, ValueError, KeyError, EOFError, IndexError) as error:
        raise FileError(f"{path} cannot be read: {error}", f"the public set {name} as its reader knows it") from None


__all__ = ["CROWDS", "FUNCTIONS", "READERS", "Absent", "Found", "Reader", "described", "folder", "read"]
