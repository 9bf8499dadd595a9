"""config.yaml for Python: its own classes go to logging.config, girok's kinds to the spool."""
from __future__ import annotations

import json
import logging
import logging.config
import os
import re
import sys
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from ._format import ABSENT, formatter
from ._handler import File, Handler
from ._own import FILES, NETWORK, is_known, of_python, takes_logs
from ._record import Encoder, Redactor
from ._references import Layers, Plain, anchored, expanded, secret, text
from ._spool import Writer, tell

MAX_HANDLERS = 64
Config = Union[str, "os.PathLike[str]", Mapping[str, Any]]

# The kinds whose keys are known, with those that hold a secret.
KINDS: Dict[str, Tuple[str, ...]] = {
    "sqlite": (), "duckdb": (), "files": (), "file": (), "postgres": ("dsn", "password"), "bigquery": (),
    "logging.handlers.HTTPHandler": ("credentials",), "logging.handlers.SMTPHandler": ("credentials",),
    "logging.handlers.SysLogHandler": (), "logging.handlers.SocketHandler": (), "logging.handlers.DatagramHandler": (),
}
# Of a kind that is not known, those that may hold one.
_LOOKS_SECRET = re.compile(r"pass|secret|token|key|credential|dsn|auth|ur[il]$", re.IGNORECASE)
# Of formatters, the texts in which ${ is no reference.
_FORMATS = ("format", "fmt", "datefmt", "prefix", "style", ".")
_SIZE = re.compile(r"([0-9]+)\s*(|B|[kKMGT]i?B)")


def dictConfig(config: Config) -> None:
    """Configures logging from a config.yaml (or .json), or from a mapping that was read before.

    Python's classes are left to logging.config.dictConfig. Each handler of one of
    girok's kinds appends to a run in the spool, which `girok run --spool DIR`
    delivers; see serve. Raises ValueError for a mistake, as logging.config does. A key
    of girok's that has no effect in Python is told on standard error.
    """
    _configure(*_loaded(config))


def spool_of(config: Config) -> str:
    """The folder that `girok run --spool` has to be given for a configuration."""
    raw, folder, _ = _loaded(config)
    return _spool_folder(_mapping(raw, "spool"), folder)


def get_ml_logger(
    config_path: Config, credential_json_path: Optional[str] = None, table_ref: Optional[str] = None, logger_name: str = "MLLogger"
) -> logging.Logger:
    """Configures logging and gives a logger, with a BigQuery table if there is a key for it.

    table_ref is project.dataset.table. Without credential_json_path the logger works
    without the table. Nothing is sent from here: `girok run --spool DIR` delivers.
    """
    raw, folder, layers = _loaded(config_path)
    if credential_json_path:
        if not table_ref:
            raise ValueError("get_ml_logger: want table_ref, as project.dataset.table, beside credential_json_path")
        raw = _with_table(raw, os.path.abspath(credential_json_path), table_ref, logger_name)
    _configure(raw, folder, layers)
    return logging.getLogger(logger_name)


def _with_table(raw: Dict[str, Any], key_file: str, table: str, logger: str) -> Dict[str, Any]:
    """The configuration with a BigQuery table for a logger: in the handler that it has for one, or in a new one."""
    handlers, loggers = dict(_mapping(raw, "handlers")), dict(_mapping(raw, "loggers"))
    name = next((n for n, h in handlers.items() if isinstance(h, Mapping) and _class_of(h) == "bigquery"), None)
    if name is None:
        name = next(n for n in ("bigquery", "bigquery_table", "girok_bigquery") if n not in handlers)
        columns = {"level": "levelname", "message": "message", "created_at": {"from": "time", "type": "timestamp"}}
        handlers[name] = {"class": "bigquery", "create": True, "columns": columns, "new_columns": "add"}
    handlers[name] = {**handlers[name], "key_file": key_file, "table": table}
    mine = dict(loggers.get(logger) or {})
    mine["handlers"] = [*(h for h in mine.get("handlers") or [] if h != name), name]
    mine.setdefault("level", "INFO")
    loggers[logger] = mine
    return dict(raw, handlers=handlers, loggers=loggers)


def _loaded(config: Config) -> Tuple[Dict[str, Any], str, Layers]:
    """A configuration, the folder its paths are relative to, and the files it is made of."""
    if isinstance(config, Mapping):
        return dict(config), os.getcwd(), []
    file, layers = os.path.abspath(os.fspath(config)), []  # type: str, Layers
    return _extended(file, (), layers), os.path.dirname(file), layers


def _extended(file: str, above: Tuple[str, ...], layers: Layers) -> Dict[str, Any]:
    if file in above:
        raise ValueError("%s: extends itself" % file)
    raw = anchored(_read(file), os.path.dirname(file))
    if not isinstance(raw, dict):
        raise ValueError("%s: want a mapping, with version: 1" % file)
    under = raw.pop("extends", None) or []
    base: Dict[str, Any] = {}
    for other in [under] if isinstance(under, str) else under:
        base = _merged(base, _extended(os.path.join(os.path.dirname(file), other), (*above, file), layers))
    layers.append((file, raw))
    merged: Dict[str, Any] = _merged(base, raw)
    return merged


def _merged(base: Any, over: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: _merged(base.get(k), v) for k, v in over.items()}}


def _read(file: str) -> Any:
    with open(file, encoding="utf-8-sig") as f:
        written = f.read()
    if file.endswith(".json"):
        return json.loads(written)
    try:
        import yaml
    except ImportError:
        raise ImportError("%s: YAML is read by PyYAML, which is not installed: pip install PyYAML, or give a .json file" % file) from None

    class Loader(yaml.SafeLoader):
        """PyYAML's, which tells what stands without quotes."""

        def construct_yaml_str(self, node: Any) -> str:
            v: str = self.construct_scalar(node)
            return Plain(v) if node.style is None and "${" in v else v

    Loader.add_constructor("tag:yaml.org,2002:str", Loader.construct_yaml_str)
    return yaml.load(written, Loader)


def _mapping(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("%s: want a mapping, got %r" % (key, value))
    return value


def _configure(raw: Dict[str, Any], folder: str, layers: Layers) -> None:
    walker = logging.config.BaseConfigurator(json_like(raw))  # it resolves cfg://
    handlers: Dict[str, Any] = {}
    spooled: List[Dict[str, Any]] = []
    notes: Dict[str, str] = {}
    for name, spec in _mapping(raw, "handlers").items():
        if isinstance(spec, Mapping) and not takes_logs(name, _class_of(spec), spec):
            handlers[name] = {"class": "logging.NullHandler"}
        elif isinstance(spec, Mapping) and _is_girok(name, spec):
            spooled.append({"name": str(name), "spec": {k: _resolved(walker, v) for k, v in spec.items()}})
            handlers[name] = spec
        else:
            handlers[name] = _python_handler(name, spec, notes)
            _has_formatter(name, spec, raw)
    redactor = _redactor(raw)
    if spooled:
        writer = _writer(raw, spooled, folder, layers, Encoder(redactor))
        for bit, s in enumerate(spooled):
            ours = {k: v for k, v in s["spec"].items() if k in ("level", "filters")}
            handlers[s["name"]] = {"()": _maker(writer, bit), **expanded(ours, "handlers.%s" % s["name"])}
    logging.config.dictConfig(_for_logging(raw, handlers, redactor))
    for place, note in notes.items():
        tell("%s%s %s" % (layers[-1][0] + ": " if layers else "", place, note))


def _for_logging(raw: Mapping[str, Any], handlers: Dict[str, Any], redactor: Optional[Redactor]) -> Dict[str, Any]:
    """The configuration as logging.config understands it."""
    out = dict(raw, handlers=handlers)
    for key in ("loggers", "root"):
        if key in raw:
            out[key] = expanded(raw[key], key)
    filters = _mapping(raw, "filters").items()
    out["filters"] = {n: expanded(f, "filters.%s" % n) if isinstance(f, Mapping) and "()" not in f else f for n, f in filters}
    out["formatters"] = {n: formatter(f, redactor) for n, f in _mapping(raw, "formatters").items()}
    return out


def _has_formatter(name: Any, spec: Any, raw: Mapping[str, Any]) -> None:
    """Raises for a handler that writes in the call and names a formatter that only who delivers has."""
    named = spec.get("formatter") if isinstance(spec, Mapping) else None
    shape = _mapping(raw, "formatters").get(named) if isinstance(named, str) else None
    kind = shape.get("class") if isinstance(shape, Mapping) else None
    if kind in ABSENT:
        raise ValueError("handlers.%s.formatter: class: %s is for spooled files here; want class: json, logfmt or console, or a format" % (name, kind))


def json_like(raw: Mapping[str, Any]) -> Dict[str, Any]:
    """A copy that a configurator may change."""
    return {k: json_like(v) if isinstance(v, Mapping) else v for k, v in raw.items()}


def _resolved(walker: Any, value: Any) -> Any:
    if isinstance(value, str) and value.startswith("cfg://"):
        return walker.cfg_convert(value[len("cfg://") :])
    return value


def _maker(writer: Writer, bit: int) -> Callable[[], Handler]:
    return lambda: Handler(writer, bit)


def _class_of(spec: Mapping[str, Any]) -> str:
    named = spec.get("class", spec.get("()"))
    return named if isinstance(named, str) else ""


def _is_girok(name: Any, spec: Mapping[str, Any]) -> bool:
    """Whether a handler is one that only girok has, or Python's with spooled: true."""
    named, spooled = _class_of(spec), spec.get("spooled")
    if not is_known(named):
        return False
    if isinstance(spooled, str):
        spooled = {"true": True, "false": False}.get(text(spooled, "handlers.%s.spooled" % name), spooled)
    if spooled is not None and not isinstance(spooled, bool):
        raise ValueError("handlers.%s.spooled: want true or false, got %r" % (name, spooled))
    if named in FILES or named in NETWORK:
        return spooled is True
    pythons = named == "console" or named.startswith("logging.")
    if pythons and spooled:
        raise ValueError("handlers.%s.spooled: class: %s is written in the call; want class: file, or leave the key out" % (name, named))
    return not pythons


def _python_handler(name: Any, spec: Any, notes: Dict[str, str]) -> Any:
    """A handler of girok's that is Python's by another name."""
    if not isinstance(spec, Mapping):
        return spec
    named = _class_of(spec)
    if is_known(named):
        spec = expanded(spec, "handlers.%s" % name)
    spec = of_python(name, named, spec, notes)
    if named in ("console", "file"):
        spec.pop("class", None)
        spec["()"] = logging.StreamHandler if named == "console" else File
    return spec


def _writer(raw: Mapping[str, Any], spooled: List[Dict[str, Any]], folder: str, layers: Layers, encoder: Encoder) -> Writer:
    if len(spooled) > MAX_HANDLERS:
        raise ValueError("handlers: a program can have %d spooled handlers, got %d" % (MAX_HANDLERS, len(spooled)))
    keys = _mapping(raw, "spool")
    service = text(str(raw["service"]), "service") if raw.get("service") else _program_name()
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}", service):
        raise ValueError("service: want letters, digits and _ . @ -, got %r" % service)
    config: Dict[str, Any] = {"service": service, "dir": folder, "handlers": []}
    if raw.get("timezone"):
        config["timezone"] = text(str(raw["timezone"]), "timezone")
    durable = expanded(keys.get("durability"), "spool.durability") == "disk"
    if durable:
        config["durable"] = True
    for bit, s in enumerate(spooled):
        named = "file" if _class_of(s["spec"]) == "logging.FileHandler" else _class_of(s["spec"])
        config["handlers"].append({"bit": bit, "name": s["name"], "class": named, "keys": _keys(s["name"], named, s["spec"], raw, layers)})
    return Writer(_spool_folder(keys, folder), config, encoder, _size(expanded(keys.get("max_bytes"), "spool.max_bytes")), durable)


def _redactor(raw: Mapping[str, Any]) -> Optional[Redactor]:
    redact = expanded(_mapping(raw, "redact"), "redact")
    hidden = redact.get("keys") or []
    return Redactor(list(hidden), redact.get("with") or "mask") if hidden else None


def _program_name() -> str:
    """The program's file name, of what a service may be called."""
    name = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    return re.sub("[^A-Za-z0-9_.@-]+", "-", name).strip("-.@")[:128] or "python"


def _keys(name: str, named: str, spec: Mapping[str, Any], raw: Mapping[str, Any], layers: Layers) -> Dict[str, Any]:
    """A handler's keys as a run keeps them: references replaced, but for those of secrets."""
    keys: Dict[str, Any] = {}
    for k, v in spec.items():
        if k == "()":
            keys["class"] = v
        elif k in KINDS[named] if named in KINDS else _LOOKS_SECRET.search(str(k)) and not str(k).endswith("_file"):
            keys[k] = _secrets(v, ("handlers", name, str(k)), layers)
        else:
            keys[str(k)] = _stored(expanded(v, "handlers.%s.%s" % (name, k)))
    if named == "file":
        keys["filename"] = os.path.abspath(str(keys.get("filename", "")))
    if named == "file" or "." in named:
        shape = keys.pop("formatter", None)
        if shape is not None:
            known = _mapping(raw, "formatters")
            if shape not in known:
                raise ValueError("handlers.%s.formatter: there is no formatter %r" % (name, shape))
            keys["formatter"] = {str(k): _stored(v if k in _FORMATS else expanded(v, "formatters.%s.%s" % (shape, k))) for k, v in _mapping(known, shape).items()}
    return keys


def _secrets(v: Any, way: Tuple[str, ...], layers: Layers) -> Any:
    """What is stored of a secret, or of each of a list, as a user and a password."""
    if isinstance(v, (list, tuple)):
        return [secret(x, (*way, str(i)), layers) for i, x in enumerate(v)]
    return v if v is None else secret(v, way, layers)


def _stored(v: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(v, Mapping):
        return {str(k): _stored(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [_stored(x) for x in v]
    if v is None or isinstance(v, (str, bool, int, float)):
        return v
    return str(v)


def _spool_folder(keys: Mapping[str, Any], folder: str) -> str:
    if keys.get("dir"):
        return os.path.join(folder, text(str(keys["dir"]), "spool.dir"))
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    places = (
        os.environ.get("GIROK_SPOOL"), os.environ.get("STATE_DIRECTORY", "").split(":")[0],
        os.path.join(folder, "spool"), os.path.join(state, "girok"),
    )
    for place in places:
        if place and _usable(os.path.abspath(place)):
            return os.path.abspath(place)
    raise ValueError("spool: none of %s can be written; want spool.dir" % ", ".join(p for p in places if p))


def _usable(place: str) -> bool:
    while not os.path.exists(place):
        above = os.path.dirname(place)
        if above == place:
            return False
        place = above
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)


def _size(v: Any) -> int:
    if v is None or isinstance(v, int):
        return int(v or 0)
    m = _SIZE.fullmatch(str(v).strip())
    if not m:
        raise ValueError("spool.max_bytes: want a size, as 512KiB or 1GiB, got %r" % (v,))
    unit = m.group(2)
    factor: int = 1 if unit in ("", "B") else (1024 if "i" in unit else 1000) ** ("KMGT".index(unit[0].upper()) + 1)
    return int(m.group(1)) * factor
