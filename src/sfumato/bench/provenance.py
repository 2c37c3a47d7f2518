"""Where a result comes from: code, machine, threads, seconds, memory."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import sfumato


@cache
def code() -> dict[str, Any]:
    """The version, and the commit of the working copy it runs from (with a + and the hash of its files where these
    differ); of a copy elsewhere the hash of its files alone.
    """
    here = Path(sfumato.__file__).resolve().parent
    commit = None
    with suppress(OSError, subprocess.SubprocessError):
        # only a working copy of this package: an installed one may lie inside somebody else's
        top = _git(here, "rev-parse", "--show-toplevel")
        if Path(top) == here.parent.parent:
            commit = _git(here, "rev-parse", "HEAD")[:12]
            if _git(here, "status", "--porcelain", "--", str(here)):
                commit += f"+{files(here)}"
    return {"version": sfumato.__version__, "git": f"files:{files(here)}" if commit is None else commit}


def files(folder: Path) -> str:
    """The hash of the Python files under a folder: twelve digits that tell two states of the code apart."""
    held = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        held.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return held.hexdigest()[:12]


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


@cache
def machine() -> dict[str, Any]:
    """The machine and the numerical library, as a result carries them."""
    import torch

    return {
        "machine": f"{platform.node()} {platform.system()} {platform.machine()} {_cpu()}".strip(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _cpu() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


class PeakMemory:
    """The largest resident size since this object was made, in MB.

    Linux resets its mark for each run; elsewhere it is that of the whole process so far, an upper bound.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")

    def megabytes(self) -> float:
        """The mark now."""
        with suppress(OSError):
            for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1024
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
