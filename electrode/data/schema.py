"""The JSON schema of the record, made from its fields, and the check of values against it.

`record.schema.json` beside this module holds `SCHEMA` for other programs (draft 2020-12).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from electrode.data.checks import WORDS
from electrode.data.record import COLUMNS

PATH = Path(__file__).with_name("record.schema.json")
REQUIRED = ("eir_version", "eir_energy_kind", "eir_n_excess", "eir_ensemble", "eir_scf_converged", "eir_method_id")
_NUMBER, _VECTOR = {"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_OF_KIND = {
    "float": _NUMBER, "int": {"type": "integer"}, "flag": {"type": "boolean"}, "word": {"type": "string", "minLength": 1}, "label": {"type": ["string", "integer"]},
    "vector": _VECTOR, "tensor": {**_VECTOR, "minItems": 9, "maxItems": 9}, "rows": {"type": "array", "items": _VECTOR},
    "row_tensors": {"type": "array", "items": {**_VECTOR, "minItems": 9, "maxItems": 9}}, "column": {"type": "array", "items": _NUMBER}, "regions": {"type": "array", "items": {"type": "integer"}},
}  # fmt: skip
_RANGES = {"version": {"const": 1}, "normal": {"enum": [0, 1, 2]}, "sides": {"enum": [1, 2]}}
_TYPES = {"object": Mapping, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


def _field(row) -> dict:
    words = {"enum": list(WORDS[row.name])} if row.name in WORDS else _RANGES.get(row.name, {})
    return {**_OF_KIND[row.metadata["kind"]], **words, "description": row.name}


_GEOMETRY = {
    "type": "object",
    "required": ["numbers", "positions", "cell", "pbc"],
    "properties": {
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "positions": {"type": "array", "items": _VECTOR, "description": "angstrom"},
        "cell": {"type": "array", "items": _VECTOR, "minItems": 3, "maxItems": 3, "description": "angstrom"},
        "pbc": {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "maxItems": 3},
        "arrays": {"type": "object"},
        "constraints": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "electrified-interface record, version 1",
    "description": "One frame of atoms with its charge, potential and labels; eV, angstrom, e, V. docs/record.md says what each field means.",
    "type": "object",
    "required": ["geometry", *REQUIRED],
    "properties": {"geometry": _GEOMETRY, "where": {"type": "string"}, "info": {"type": "object"}, **{row.metadata["key"]: _field(row) for row in COLUMNS}},
    "additionalProperties": False,
}


def schema_text() -> str:
    """Return the text of `record.schema.json`."""
    return json.dumps(SCHEMA, indent=1) + "\n"


def violations(value, schema: Mapping, at: str = "frame") -> list[str]:
    """Return where a value breaks a schema, of the words that `SCHEMA` uses; an empty list if nowhere.

    Parameters
    ----------
    value : numbers, words, lists and dictionaries
    schema : types, required, properties, additionalProperties, items, lengths, enum, const
    at : place of the value, for messages
    """
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if types and not any(_is(value, name) for name in types):
        return [f"{at}: expected {' or '.join(types)}, got {type(value).__name__}"]
    out = []
    if "const" in schema and value != schema["const"]:
        out.append(f"{at}: expected {schema['const']!r}, got {value!r}")
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{at}: expected one of {', '.join(map(str, schema['enum']))}; got {value!r}")
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        out.append(f"{at}: expected a word, got an empty one")
    if isinstance(value, list):
        out += _list_violations(value, schema, at)
    if isinstance(value, Mapping):
        out += [f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value]
        known = schema.get("properties", {})
        if schema.get("additionalProperties") is False:
            out += [f"{at}: unknown key {key!r}" for key in value if key not in known]
        out += [text for key in value if key in known for text in violations(value[key], known[key], key)]
    return out


def _list_violations(value: list, schema: Mapping, at: str) -> list[str]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not least <= len(value) <= most:
        return [f"{at}: expected {least} to {most} entries, got {len(value)}"]
    found = (violations(x, schema["items"], f"{at}[{k}]") for k, x in enumerate(value)) if "items" in schema else ()
    return next((texts for texts in found if texts), [])


def _is(value, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
