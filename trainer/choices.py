"""Choices of a training run by name: `net.width=192 windows.bank=0.15`, checked against the configurations."""

import difflib
import json
import math
from dataclasses import fields, replace
from typing import Any

from realtime.body.errors import InputError


def chosen(configs: dict[str, Any], choices: list[str]) -> dict[str, Any]:
    """The configurations (frozen dataclasses by name) with the choices NAME.FIELD=VALUE made.

    Raises:
        InputError: there is no such field, it is of another type, or nothing can be trained with it.
    """
    defaults = {
        f"{name}.{field.name}": getattr(config, field.name) for name, config in configs.items() for field in fields(config)
    }
    made = dict(configs)
    for choice in choices:
        key, equals, text = choice.partition("=")
        if key in defaults and not equals:
            raise InputError(f"{key} is {json.dumps(defaults[key])} by default: give {key}=VALUE")
        if key not in defaults:
            near = difflib.get_close_matches(key, defaults, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(defaults))}"
            raise InputError(f"no choice {choice!r}: give NAME=VALUE{hint}")
        name, _, field = key.partition(".")
        made[name] = replace(made[name], **{field: _value(key, text, defaults[key])})
    _check(made)
    return made


def _check(made: dict[str, Any]) -> None:
    """Every choice, by default or not, is one that something can be trained with."""
    for name, config in made.items():
        for field in fields(config):
            value, key = getattr(config, field.name), f"{name}.{field.name}"
            least = 0 if key == "train.seed" or isinstance(value, float) else 1
            if isinstance(value, int | float) and not isinstance(value, bool) and not (math.isfinite(value) and value >= least):
                raise InputError(f"{key} is {least} or more, got {value}")
            if key in SHARES and value > 1:
                raise InputError(f"{key} is a share, 0 to 1, got {value}")
    net, windows = made.get("net"), made.get("windows")
    if net is not None and net.width % net.heads:
        raise InputError(f"net.width is a multiple of net.heads, got {net.width} and {net.heads}")
    if windows is not None and windows.frames < FEWEST_FRAMES:
        raise InputError(f"windows.frames is {FEWEST_FRAMES} or more, for accelerations, got {windows.frames}")
    for d in getattr(net, "deltas", ()):
        if type(d) is not int or d == 0 or (windows is not None and abs(d) >= windows.frames):
            raise InputError(f"net.deltas are numbers of frames before (-) or after, fewer than windows.frames, got {d!r}")
    if net is not None and not getattr(net, "deltas", True):
        raise InputError("net.deltas names one number of frames or more")


#: Choices that are probabilities.
SHARES = {
    "net.dropout",
    "train.average",
    *(f"windows.{name}" for name in ("bank", "compose", "bend", "lost", "first_step_unknown", "drop_landmarks_3d")),
    *(f"windows.{name}" for name in ("gravity_known", "height_known")),
}
FEWEST_FRAMES = 3


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
