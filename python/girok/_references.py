"""References in a configuration: ${VARIABLE}, ${VARIABLE:-default} and ${file:path}; $${ is a literal ${."""
from __future__ import annotations

import os
import re
from typing import Any, List, Mapping, Tuple
from urllib.parse import quote

# The files that a configuration was read from, each with what stands in it; the later one counts.
Layers = List[Tuple[str, Mapping[str, Any]]]

_REFERENCE = re.compile(r"\$?\$\{([^}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_FILE = "file:"


class Plain(str):
    """A text that YAML has without quotes: what becomes of it may be a number, or true."""


def anchored(v: Any, folder: str) -> Any:
    """A value whose ${file:path} are relative to a folder, with whole paths."""
    if isinstance(v, str):
        return type(v)(_REFERENCE.sub(lambda m: _whole(m, folder), v)) if "${file:" in v else v
    if isinstance(v, dict):
        return {k: anchored(x, folder) for k, x in v.items()}
    return [anchored(x, folder) for x in v] if isinstance(v, list) else v


def _whole(m: "re.Match[str]", folder: str) -> str:
    if m.group().startswith("$$") or not m.group(1).startswith(_FILE):
        return m.group()
    return "${file:%s}" % os.path.join(folder, m.group(1)[len(_FILE) :])


def expanded(v: Any, path: str) -> Any:
    """A value with the references in its texts replaced. Raises ValueError for one that has no value."""
    if isinstance(v, str):
        return v if "${" not in v else _plain(text(v, path)) if isinstance(v, Plain) else text(v, path)
    if isinstance(v, Mapping):
        return {k: expanded(x, "%s.%s" % (path, k)) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return type(v)(expanded(x, "%s[%d]" % (path, i)) for i, x in enumerate(v)) if type(v) in (list, tuple) else v
    return v


def text(v: str, path: str) -> str:
    """A text with its references replaced."""

    def one(m: "re.Match[str]") -> str:
        if m.group().startswith("$$"):
            return m.group()[1:]
        if m.group(1).startswith(_FILE):
            with open(m.group(1)[len(_FILE) :], encoding="utf-8") as f:
                held = f.read()
            return held[:-1] if held.endswith("\n") else held
        name = _VARIABLE.fullmatch(m.group(1))
        if not name:
            raise ValueError("%s: after ${ want a variable's name, as ${NAME} or ${NAME:-default}" % path)
        value = os.environ.get(name.group(1))
        if name.group(2) is not None:
            return value or name.group(2)
        if value is None:
            raise ValueError("%s: the variable %s is not set" % (path, name.group(1)))
        return value

    return _REFERENCE.sub(one, v)


def _plain(v: str) -> Any:
    """What YAML takes a text without quotes for."""
    import yaml

    loader: Any = yaml.SafeLoader("")
    value = loader.construct_object(yaml.ScalarNode(loader.resolve(yaml.ScalarNode, v, (True, False)), v))
    return value if isinstance(value, (bool, int, float)) else v


def secret(v: Any, way: Tuple[str, ...], layers: Layers) -> str:
    """What may be stored in the place of a secret: where it is to be had."""
    written, path = str(v), ".".join(way)
    found = list(_REFERENCE.finditer(written))
    if found and not _REFERENCE.sub("", written) and all(not m.group().startswith("$$") and ":-" not in m.group(1) for m in found):
        return _REFERENCE.sub(lambda m: _whole(m, os.getcwd()), written)
    file = next((file for file, raw in reversed(layers) if _stands(raw, way)), None)
    if file is None:
        raise ValueError("%s: is not stored in the spool as it is; want ${VARIABLE} or ${file:/path}" % path)
    pointer = "".join("/" + w.replace("~", "~0").replace("/", "~1") for w in way)
    return "${key:%s#%s}" % (_escaped(file), _escaped(pointer))


def _stands(v: Any, way: Tuple[str, ...]) -> bool:
    """Whether something stands there in what one file has."""
    for step in way:
        members = v.items() if isinstance(v, Mapping) else enumerate(v) if isinstance(v, list) else ()
        found = [x for k, x in members if str(k) == step]
        if not found:
            return False
        v = found[0]
    return True


def _escaped(v: str) -> str:
    return re.sub("[%#}]", lambda m: quote(m.group(), safe=""), v)
