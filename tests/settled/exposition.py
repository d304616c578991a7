"""Holds metrics in Prometheus' text format (the file named first) against the rules of that format, as
python3-prometheus-client reads it and line by line, and against the conventions on names. Prints them as
JSON: by family its type, and by name of a series its labels with all their values. Complaints go to standard
error; exit code 1 if there are any.

https://prometheus.io/docs/instrumenting/exposition_formats/, https://prometheus.io/docs/practices/naming/"""
import collections
import json
import math
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|\Z)')
# Of the units that conventions have only base units; of words, none that a type already says.
WRONG_WORDS = re.compile(r"_(ms|us|ns|msec|milliseconds|microseconds|minutes|hours|kb|mb|kilobytes|megabytes"
                         r"|percent|counter|gauge|histogram|metric)(_|\Z)")
UNITS = ("seconds", "bytes")
SUFFIXES = ("_bucket", "_sum", "_count")

complaints = []


def complain(*what):
    complaints.append(" ".join(str(one) for one in what))


def labels_of(text, line):
    labels, at = [], 0
    while text and at < len(text):
        found = LABEL.match(text, at)
        if not found:
            complain("no labels:", line)
            return {}
        labels.append(found.groups())
        at = found.end()
    if len(dict(labels)) != len(labels):
        complain("a label twice:", line)
    return dict(labels)


def read(text):
    """Families in order: name -> {type, help, samples: [(series, labels, value)]}."""
    families, current = {}, None
    if not text.endswith("\n"):
        complain("the last line has no end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, _, what = line[7:].partition(" ")
            if name in families:
                complain("a family twice:", name)
            current = families[name] = {"name": name, "help": what, "type": None, "samples": []}
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            if current is None or current["name"] != name or current["type"] or current["samples"]:
                complain("TYPE is not between HELP and samples:", line)
            else:
                current["type"] = kind
        else:
            sample = SAMPLE.match(line)
            if not sample:
                complain("no sample:", line)
                continue
            series, labels, value = sample.groups()
            base = series
            if current and current["type"] == "histogram":
                base = next((series[:-len(s)] for s in SUFFIXES if series.endswith(s)), series)
            if current is None or base != current["name"]:
                complain("a sample outside of its family:", line)
                continue
            current["samples"].append((series, labels_of(labels, line), float(value)))
    return families


def check_histogram(name, samples):
    by_labels = collections.defaultdict(lambda: {"buckets": [], "sum": None, "count": None})
    for series, labels, value in samples:
        rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        if series == name + "_bucket":
            by_labels[rest]["buckets"].append((float(labels.get("le", "nan")), value))
        else:
            by_labels[rest][series[len(name) + 1:]] = value
    for rest, one in by_labels.items():
        bounds = [bound for bound, _ in one["buckets"]]
        counts = [count for _, count in one["buckets"]]
        if bounds != sorted(set(bounds)) or counts != sorted(counts):
            complain(name, rest, "buckets are not cumulative in ascending order")
        if not bounds or bounds[-1] != math.inf or counts[-1] != one["count"] or one["sum"] is None:
            complain(name, rest, "its last bucket is not +Inf, or not its count, or it has no sum")


def check(family):
    name, kind, samples = family["name"], family["type"], family["samples"]
    if kind not in ("counter", "gauge", "histogram"):
        complain(name, "has the type", kind)
    if not samples:
        complain(name, "has no samples")
    if not family["help"] or not family["help"].endswith("."):
        complain(name, "has no sentence for help")
    if not NAME.match(name) or name != name.lower() or not name.startswith(("settle_", "process_")):
        complain(name, "is not a name of ours")
    if (kind == "counter") != name.endswith("_total"):
        complain(name, "is a", kind, "and the end of its name says otherwise")
    if WRONG_WORDS.search(name):
        complain(name, "has a unit that is no base unit, or its type in its name")
    stem = name[:-len("_total")] if kind == "counter" else name
    for unit in UNITS:
        if "_%s_" % unit in stem + "_" and not stem.endswith("_" + unit):
            complain(name, "does not end with its unit")
    seen = set()
    for series, labels, value in samples:
        key = (series, tuple(sorted(labels.items())))
        if key in seen:
            complain("a series twice:", key)
        seen.add(key)
        if math.isnan(value) or (kind != "gauge" and value < 0):
            complain(key, "is", value)
        for label, text in labels.items():
            if label.startswith("__") or (label == "le" and not series.endswith("_bucket")) or not text:
                complain(key, "has the label", label, "with the value", repr(text))
    if len({(series, tuple(sorted(labels))) for series, labels, _ in samples}) != len({s for s, _, _ in samples}):
        complain(name, "has series with other labels than its others")
    if kind == "histogram":
        check_histogram(name, samples)


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        text = file.read()
    families = read(text)
    for family in families.values():
        check(family)
    # The reader that others use finds the same.
    theirs = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            theirs[(sample.name, tuple(sorted(sample.labels.items())))] = float(sample.value)
    ours = {(series, tuple(sorted(labels.items()))): value
            for family in families.values() for series, labels, value in family["samples"]}
    if theirs != ours:
        complain("prometheus_client reads it otherwise:", sorted(set(theirs.items()) ^ set(ours.items()))[:5])

    found = {}
    for name, family in families.items():
        series = collections.defaultdict(lambda: collections.defaultdict(set))
        for one, labels, _ in family["samples"]:
            series[one].update({k: series[one][k] | {v} for k, v in labels.items()})
        found[name] = {"type": family["type"], "help": family["help"],
                       "series": {one: {k: sorted(v) for k, v in labels.items()}
                                  for one, labels in series.items()}}
    print(json.dumps(found))
    for one in complaints:
        print(one, file=sys.stderr)
    return 1 if complaints else 0


sys.exit(main())
