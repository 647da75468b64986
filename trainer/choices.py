"""Choices of a training run by name: `net.width=192 windows.bank=0.15`, checked against the configurations."""

import difflib
import json
import math
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from realtime.body.errors import InputError


@dataclass(frozen=True)
class Range:
    """What a number may be, where that is not 1 or more of a whole one, 0 or more of another: `Annotated[int, Range(3)]`."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"{self.least} or more" if self.most == math.inf else f"{self.least} to {self.most}"


Share = Annotated[float, Range(0, 1)]


def chosen(configs: dict[str, Any], choices: list[str]) -> dict[str, Any]:
    """The configurations (frozen dataclasses by name) with the choices NAME.FIELD=VALUE made.

    Raises:
        InputError: there is no such field, it is of another type, or nothing can be trained with it.
    """
    defaults = {
        f"{name}.{field.name}": getattr(config, field.name) for name, config in configs.items() for field in fields(config)
    }
    changes: dict[str, dict[str, Any]] = {name: {} for name in configs}
    for choice in choices:
        key, equals, text = choice.partition("=")
        if key in defaults and not equals:
            raise InputError(f"{key} is {json.dumps(defaults[key])} by default: give {key}=VALUE")
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(defaults))}"
            raise InputError(f"no choice {choice!r}: give NAME=VALUE{hint}")
        name, _, field = key.partition(".")
        changes[name][field] = _value(key, text, defaults[key])
    made = {name: replace(config, **changes[name]) for name, config in configs.items()}
    for name, config in made.items():
        _check(name, config)
    return made


def _check(name: str, config: Any) -> None:
    """Every number, by default or not, is in its range."""
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        said = [r for r in getattr(field.type, "__metadata__", ()) if isinstance(r, Range)]
        range_ = said[0] if said else Range(1) if isinstance(value, int) else Range(0)
        if not (math.isfinite(value) and range_.least <= value <= range_.most):
            raise InputError(f"{name}.{field.name} is {range_}, got {value}")


def _value(key: str, text: str, default: Any) -> Any:
    """The text as a value of the default's type."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise InputError(f"{key} is {json.dumps(default)} by default: give a value of that kind, got {text!r}")
    return value
