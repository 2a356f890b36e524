"""The keys of `Sequence.toml` as people type them, `instances.maker.risk.max_order_rate`, and what each may hold."""

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from sequence_operator.spec.file_model import Document
from sequence_operator.spec.file_rules import DEFAULT_LABEL
from sequence_operator.spec.suggest import did_you_mean

Part = str | int
Kind = Literal["text", "number", "flag", "list", "param", "bps", "table"]
_INTEGER = re.compile(r"[+-]?\d[\d_]*")


class KeyMistakeError(ValueError):
    """A key or a value that cannot be meant, in a sentence."""


@dataclass(frozen=True, slots=True)
class Key:
    """`typed`: as a person wrote it; `path`: the keys and indices that lead there in the document."""

    typed: str
    path: tuple[Part, ...]
    kind: Kind


def find(typed: str, document: Mapping[str, Any]) -> Key:
    """The key in a document (`instances` go by label). Raises KeyMistakeError with the nearest one that exists."""
    parts, path, model = typed.split("."), list[Part](), Document
    for index, part in enumerate(parts):
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        if field is None:
            names = [str(f.alias) for f in model.model_fields.values()]
            above = ".".join(parts[:index])
            inside = f" in {above}" if above else ""
            raise KeyMistakeError(f"{typed}: there is no key {part!r}{inside}{did_you_mean(part, names)}")
        path.append(part)
        inner, rest = _bare(field.annotation), parts[index + 1 :]
        if part == "instances":
            return _instance(typed, path, rest, document)
        if part == "params":
            return _parameter(typed, path, rest)
        if not _is_model(inner):
            if rest:
                raise KeyMistakeError(f"{typed}: {'.'.join(parts[: index + 1])} is no table")
            return Key(typed, tuple(path), _kind(inner))
        model = inner
    return Key(typed, tuple(path), "table")


def value(key: Key, text: str, document: Mapping[str, Any]) -> str:
    """`text` as the TOML to write for `key`. Raises KeyMistakeError when it cannot be of that type."""
    import tomlkit

    match key.kind:
        case "text":
            return tomlkit.string(text).as_string()
        case "number":
            if not _INTEGER.fullmatch(text):
                raise KeyMistakeError(f"{key.typed} is a whole number, got {text!r}")
            return text
        case "bps":
            if not _INTEGER.fullmatch(text):
                raise KeyMistakeError(f"{key.typed} is a whole number of basis points, got {text!r}")
            if not isinstance(at(document, ("params", key.path[-1])), dict | None):
                raise KeyMistakeError(f"{key.typed}: this parameter holds no basis points; --unset it first")
            return f"{{ bps = {text} }}"
        case "flag":
            if text not in ("true", "false"):
                raise KeyMistakeError(f"{key.typed} is true or false, got {text!r}")
            return text
        case "list":
            return _list(key, text)
        case "param":
            return _parameter_value(key, text, document)
    raise KeyMistakeError(f"{key.typed} is a table: set the keys in it, for example {key.typed}.KEY")


def at(document: Mapping[str, Any], path: tuple[Part, ...]) -> object:
    """What stands there, or None."""
    node: Any = document
    for part in path:
        if isinstance(part, int):
            node = node[part] if isinstance(node, list) and part < len(node) else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _instance(typed: str, path: list[Part], rest: list[str], document: Mapping[str, Any]) -> Key:
    listed = document.get("instances")
    instances = [i if isinstance(i, dict) else {} for i in listed] if isinstance(listed, list) else []
    default = DEFAULT_LABEL if len(instances) == 1 else ""
    labels = [str(i.get("label", default)) for i in instances]
    if not rest:
        raise KeyMistakeError(
            f"{typed}: which instance? instances.LABEL.KEY, with LABEL one of {', '.join(labels)}"
        )
    if rest[0] not in labels:
        raise KeyMistakeError(
            f"{typed}: no instance has the label {rest[0]!r} (there are {', '.join(labels) or 'none'})"
            f"{did_you_mean(rest[0], labels)}"
        )
    path.append(labels.index(rest[0]))
    if len(rest) == 1:
        return Key(typed, tuple(path), "table")
    model: Any = get_args(Document.model_fields["instances"].annotation)[0]
    for index, part in enumerate(rest[1:], 1):
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        if field is None:
            names = [str(f.alias) for f in model.model_fields.values()]
            raise KeyMistakeError(f"{typed}: an instance has no key {part!r}{did_you_mean(part, names)}")
        path.append(part)
        if part == "params":
            return _parameter(typed, path, rest[index + 1 :])
        model = _bare(field.annotation)
        if not _is_model(model):
            if rest[index + 1 :]:
                raise KeyMistakeError(f"{typed}: {part} is no table")
            return Key(typed, tuple(path), _kind(model))
    return Key(typed, tuple(path), "table")


def _parameter(typed: str, path: list[Part], rest: list[str]) -> Key:
    if rest[1:] == ["bps"]:
        return Key(typed, (*path, rest[0]), "bps")
    if len(rest) > 1:
        raise KeyMistakeError(
            f"{typed}: a parameter's name has no dot; basis points are written as {{ bps = 12 }}"
        )
    return Key(typed, (*path, *rest), "param" if rest else "table")


def _parameter_value(key: Key, text: str, document: Mapping[str, Any]) -> str:
    """Of the kind that the parameter has; a new one says its kind itself."""
    name = key.path[-1]
    before = at(document, ("params", name))
    spoken = f"{key.typed}, got {text!r}"
    match before:
        case bool():
            if text not in ("true", "false"):
                raise KeyMistakeError(f"true or false is needed for {spoken}")
            return text
        case int():
            if not _INTEGER.fullmatch(text):
                raise KeyMistakeError(
                    f"a whole number is needed for {spoken}; to change its kind, --unset it and set it anew "
                    "(its slot is then the last)"
                )
            return text
        case float():
            return f"{text}.0" if _INTEGER.fullmatch(text) else text
        case dict():
            return f"{{ bps = {text} }}" if _INTEGER.fullmatch(text) else text
    return text


def _list(key: Key, text: str) -> str:
    import tomlkit

    if text.lstrip().startswith("["):
        return text
    if key.path[-1] == "routes":
        raise KeyMistakeError(
            f'{key.typed} is a list, for example [{{ from = "a", to = "b" }}], got {text!r}'
        )
    return "[" + ", ".join(tomlkit.string(word.strip()).as_string() for word in text.split(",")) + "]"


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation is anything
    """Without `Annotated` and without `| None`."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation


def _kind(annotation: object) -> Kind:
    if annotation is bool:
        return "flag"
    if annotation is int:
        return "number"
    return "list" if get_origin(annotation) is list else "text"
