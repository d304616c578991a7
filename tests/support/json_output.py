#!/usr/bin/python3
"""Holds what `settle --json` printed against docs/settle.schema.json and docs/settle.md.

  json_output.py FOLDER schema VERB...   the schema itself; `settle help` lists the VERBs
  json_output.py FOLDER outputs < LINES  each {"words": [...], "code": N, "out": TEXT, "err": TEXT}

FOLDER is docs. Prints one line for each thing that is wrong, which of `outputs` begins with the
number of its line and a colon; the exit code is 0 all the same. Of Debian: python3-jsonschema.
"""
import json
import re
import sys

import jsonschema

WITH_VALUE = {"--address", "--timeout", "--tls-ca", "--tls-certificate", "--tls-key",
              "--tls-server-name"}
IN_LINES = {"watch", "agent"}
# Exit codes of documents that are no error, besides 0: the table in settle.md says when.
NOT_ERRORS = {
    "show": {3}, "explain": {3}, "saga show": {3}, "saga cancel": {3, 7}, "resolve": {3},
    "in-doubt": {6}, "agent": {6}, "saga submit": {8, 9}, "saga start": {8, 9}, "drain": {9},
    "doctor": {4, 10}, "verify-log": {65},
}
UNIT = re.compile(r"[Hh]ow many|number|bytes|milliseconds|microseconds|version|epoch")


def read(folder, name):
    with open(f"{folder}/{name}", encoding="utf-8") as file:
        return file.read()


def exit_codes(folder):
    """By the code of an error, from the table of exit codes."""
    codes = {}
    for line in read(folder, "settle.md").splitlines():
        row = re.match(r"\| (\d+) \|.*\|(.*)\|$", line)
        if row:
            codes |= {code: int(row[1]) for code in re.findall(r"`([a-z-]+)`", row[2])}
    return codes


def pointer(ref):
    return ref.removeprefix("#/$defs/").replace("%20", " ")


def subschemas(schema, path):
    """Every schema in this one, with where it is."""
    yield path, schema
    for key in ("properties", "$defs"):
        for name, child in schema.get(key, {}).items():
            yield from subschemas(child, f"{path}/{name}")
    for key in ("items", "additionalProperties", "propertyNames", "not"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key], f"{path}/{key}")
    for number, child in enumerate(schema.get("anyOf", [])):
        yield from subschemas(child, f"{path}/anyOf/{number}")


def wrong_in_schema(schema, verbs):
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        yield f"it is no schema: {error.message}"
        return
    definitions = schema["$defs"]
    entries = {name for name in definitions if name.startswith("settle ")}
    expected = {f"settle {verb}" for verb in verbs} | {"settle --version"}
    yield from (f"no entry: {name}" for name in sorted(expected - entries))
    yield from (f"an entry of no verb: {name}" for name in sorted(entries - expected))
    if {pointer(one["$ref"]) for one in schema["anyOf"]} != entries:
        yield "its anyOf does not have each verb"
    used = set()
    for path, each in subschemas(schema, ""):
        if "$ref" in each:
            used.add(pointer(each["$ref"]))
            if used - definitions.keys():
                yield f"{path}: {each['$ref']} is not there"
                return
        if each.get("type") == "object" and "additionalProperties" not in each:
            yield f"{path} lets undocumented properties through"
        properties = each.get("properties", {})
        for name in each.get("required", []):
            if properties and name not in properties:
                yield f"{path}: {name} is required and not described"
        for name, value in properties.items():
            target = definitions[pointer(value["$ref"])] if "$ref" in value else {}
            says = value.get("description", target.get("description", ""))
            if not says.endswith("."):
                yield f"{path}: {name} is not described in a sentence"
            if value.get("type") == "integer" and not UNIT.search(says):
                yield f"{path}: {name} has no unit"
            is_time = value.get("$ref") == "#/$defs/time"
            if is_time and properties.get(name + "_us", {}).get("$ref") != "#/$defs/time_us":
                yield f"{path}: {name} is not given in microseconds"
            if name.endswith("_us") and properties.get(name[:-3], {}).get("$ref") != "#/$defs/time":
                yield f"{path}: {name} is not given as RFC 3339"
    for name in sorted(definitions.keys() - used - entries):
        yield f"nothing refers to {name}"


def verb_of(words, verbs):
    if "--version" in words:
        return "--version"
    if "--help" in words:
        return "help"
    rest, skip = [], False
    for word in words:
        if not skip and not (word.startswith("--") and not rest):
            rest.append(word)
        skip = not rest and word in WITH_VALUE
    for count in (2, 1):
        if " ".join(rest[:count]) in verbs:
            return " ".join(rest[:count])
    return "help"  # without a verb, or with a wrong one


class Outputs:
    def __init__(self, folder):
        schema = json.loads(read(folder, "settle.schema.json"))
        self.exit_codes = exit_codes(folder)
        self.validators = {}
        for name in schema["$defs"]:
            if name.startswith("settle "):
                entry = {"$ref": "#/$defs/" + name.replace(" ", "%20"), "$defs": schema["$defs"]}
                validator = jsonschema.Draft202012Validator(entry)
                self.validators[name.removeprefix("settle ")] = validator

    def wrong(self, said):
        verb = verb_of(said["words"], self.validators)
        if said["err"]:
            yield f"standard error has: {said['err']!r}"
        if not re.fullmatch(r"[\n\x20-\x7e]*", said["out"]):
            yield "it is not printable ASCII"
        if not said["out"].endswith("\n"):
            yield "it does not end with its last line"
        texts = said["out"].splitlines() if verb in IN_LINES else [said["out"]]
        document = None
        for text in texts:
            try:
                document = json.loads(text)
            except ValueError as error:
                yield f"it is not one document: {error}"
                return
            for error in self.validators[verb].iter_errors(document):
                yield f"{verb}: {said_of(error, document)}"
        code = said["code"]
        if isinstance(document, dict) and "error" in document:
            error = document["error"].get("code")
            if self.exit_codes.get(error) != code:
                yield f"exit code {code} with the error {error}"
            if len(document) == 1 and said["out"].count("\n") != len(texts):
                yield "an error is not on one line"
        elif code not in {0} | NOT_ERRORS.get(verb, set()):
            yield f"exit code {code} without an error"


def said_of(error, document):
    """The complaint of the alternative that was meant: an error, or one that came furthest."""
    while error.context:
        is_error = isinstance(document, dict) and set(document) == {"error"}
        wanted = [one for one in error.context if is_error or one.parent is None
                  or not str(list(one.absolute_schema_path)).endswith("error']")]
        error = max(wanted or error.context, key=lambda one: len(one.absolute_path))
    place = "/".join(str(step) for step in error.absolute_path)
    return f"at /{place}: {error.message[:300]}"


def main():
    folder, what, *verbs = sys.argv[1:]
    if what == "schema":
        for wrong in wrong_in_schema(json.loads(read(folder, "settle.schema.json")), verbs):
            print(wrong)
        return
    outputs = Outputs(folder)
    for number, line in enumerate(sys.stdin):
        said = json.loads(line)
        for wrong in outputs.wrong(said):
            print(f"{number}: {wrong}")


main()
