"""Choices of a training run by name: `net.width=192 windows.bank=0.15`, checked against the configurations."""

import difflib
import json
from dataclasses import fields, replace
from typing import Any

from realtime.body.errors import InputError


def chosen(configs: dict[str, Any], choices: list[str]) -> dict[str, Any]:
    """The configurations (frozen dataclasses by name) with the choices NAME.FIELD=VALUE made.

    Raises:
        InputError: there is no such field, or it is of another type.
    """
    defaults = {
        f"{name}.{field.name}": getattr(config, field.name) for name, config in configs.items() for field in fields(config)
    }
    made = dict(configs)
    for choice in choices:
        key, equals, text = choice.partition("=")
        if not equals or key not in defaults:
            near = difflib.get_close_matches(key, defaults, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(defaults))}"
            raise InputError(f"no choice {choice!r}: give NAME=VALUE{hint}")
        name, _, field = key.partition(".")
        made[name] = replace(made[name], **{field: _value(key, text, defaults[key])})
    return made


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
