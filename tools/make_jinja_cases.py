#!/usr/bin/env python3
"""Writes tests/data/jinja/cases.jsonl: template snippets with what jinja2 makes of them.

    pip install jinja2==3.1.6 && tools/make_jinja_cases.py tests/data/jinja/snippets.json > tests/data/jinja/cases.jsonl

The environment is the one in which transformers renders chat templates. snippets.json is a list of templates, or of
[template, variables]; without variables, those of DEFAULTS are given, which are also the first line of the output.
"""
import json
import sys

import jinja2
import jinja2.ext
from jinja2.ext import Extension
from jinja2.nodes import CallBlock
from jinja2.sandbox import ImmutableSandboxedEnvironment

DEFAULTS = {
    "s": "Hello, World", "u": "Ünï ñ 数学 🙂", "n": 42, "f": 2.5, "t": True, "z": None, "e": [],
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "d": {"a": 1, "b": {"c": [1, 2]}, "items": "x"},
    "p": [{"n": "x", "v": 2}, {"n": "y", "v": 1}, {"n": "X", "v": 2}],
    "messages": [{"role": "user", "content": " hi "}, {"role": "assistant", "content": "yo"}],
}


class Generation(Extension):
    """{% generation %}: its body is rendered as the body of a call."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return CallBlock(self.call_method("_render", []), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def main():
    env = environment()
    print(json.dumps({"defaults": DEFAULTS}, ensure_ascii=False))
    for entry in json.load(open(sys.argv[1], encoding="utf-8")):
        template, variables = entry if isinstance(entry, list) else (entry, DEFAULTS)
        case = {"template": template}
        if isinstance(entry, list):
            case["variables"] = variables
        try:
            case["expected"] = env.from_string(template).render(tools=None, documents=None, **variables)
        except Exception as error:  # whatever Python raises, the template fails
            case["fails"] = True
            print(f"{template!r}: {type(error).__name__}: {error}", file=sys.stderr)
        if " at 0x" not in case.get("expected", ""):  # an address is different each time
            print(json.dumps(case, ensure_ascii=False))


if __name__ == "__main__":
    main()
