#!/usr/bin/env python3
"""Builds the wheel for this platform, with the program girok in it.

    python3 build_wheel.py [FOLDER]        the wheel goes to FOLDER, dist if absent

It needs Go and the checkout, and nothing else: pip calls it too, through
pyproject.toml. $GIROK_PROGRAM is a program that is built already.
"""
import base64
import hashlib
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from typing import Any, Dict, List, Optional, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
WHEEL = "Wheel-Version: 1.0\nGenerator: girok\nRoot-Is-Purelib: false\nTag: %s\n"
SCRIPTS = "[console_scripts]\ngirok = girok._program:main\n"


def version() -> str:
    with open(os.path.join(HERE, "pyproject.toml"), encoding="utf-8") as f:
        found = re.search(r'^version = "([^"]+)"', f.read(), re.MULTILINE)
    assert found
    return found.group(1)


def tag() -> str:
    """The platform: on Linux with the C library of this machine, or a newer one."""
    name, libc = platform.libc_ver()
    where = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if where.startswith("linux_") and name == "glibc":
        where = "manylinux_%s_%s" % ("_".join(libc.split(".")[:2]), where[len("linux_") :])
    return "py3-none-" + where


def metadata() -> str:
    return (
        "Metadata-Version: 2.1\nName: girok\nVersion: %s\nSummary: Log records that survive kill -9 and land exactly once\n"
        "Requires-Python: >=3.9\nProvides-Extra: yaml\nRequires-Dist: PyYAML>=5.1; extra == 'yaml'\n" % version()
    )


def build_program(path: str) -> None:
    """Builds the program. Paths of this machine don't stay in it."""
    subprocess.run(["go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "."], cwd=os.path.join(HERE, "..", "cmd", "girok"), check=True)


def sources() -> List[Tuple[str, str]]:
    folder = os.path.join(HERE, "girok")
    return [("girok/" + f, os.path.join(folder, f)) for f in sorted(os.listdir(folder)) if f.endswith((".py", ".typed"))]


class _Wheel:
    def __init__(self, folder: str, of: str) -> None:
        self.name = "girok-%s-%s.whl" % (version(), of)
        self._info = "girok-%s.dist-info/" % version()
        self._zip = zipfile.ZipFile(os.path.join(folder, self.name), "w", zipfile.ZIP_DEFLATED)
        self._record: List[str] = []
        self._tag = of

    def add(self, name: str, data: bytes, mode: int = 0o644) -> None:
        entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))  # the same bytes from the same sources
        entry.external_attr, entry.compress_type = (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
        self._zip.writestr(entry, data)
        sum = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self._record.append("%s,sha256=%s,%d" % (name, sum, len(data)))

    def close(self) -> None:
        self.add(self._info + "METADATA", metadata().encode())
        self.add(self._info + "WHEEL", (WHEEL % self._tag).encode())
        self.add(self._info + "entry_points.txt", SCRIPTS.encode())
        self._record.append(self._info + "RECORD,,")
        self._zip.writestr(self._info + "RECORD", "\n".join(self._record) + "\n")
        self._zip.close()


def build_wheel(wheel_directory: str, config_settings: Optional[Dict[str, Any]] = None, metadata_directory: Optional[str] = None) -> str:
    """Builds the wheel and gives its name (PEP 517)."""
    w = _Wheel(wheel_directory, tag())
    for name, path in sources():
        with open(path, "rb") as f:
            w.add(name, f.read())
    with tempfile.TemporaryDirectory() as d:
        program = os.environ.get("GIROK_PROGRAM")
        if not program:
            program = os.path.join(d, "girok")
            build_program(program)
        with open(program, "rb") as f:
            w.add("girok/bin/girok", f.read(), 0o755)
    w.close()
    return w.name


def build_editable(wheel_directory: str, config_settings: Optional[Dict[str, Any]] = None, metadata_directory: Optional[str] = None) -> str:
    """A wheel that points here, without the program (PEP 660)."""
    w = _Wheel(wheel_directory, "py3-none-any")
    w.add("girok.pth", (HERE + "\n").encode())
    w.close()
    return w.name


if __name__ == "__main__":
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    out = sys.argv[1] if len(sys.argv) == 2 else os.path.join(HERE, "dist")
    os.makedirs(out, exist_ok=True)
    print(os.path.join(out, build_wheel(out)))
