#!/usr/bin/env python3
# agree.py PORTWATCH SCHEMA CASES FOLDER EXAMPLE... - judges each document of CASES and each EXAMPLE by the schema and by
# `portwatch config check`; says where one of them judges other than it should, and ends with 1 then.  Prints the count.
import json, os, subprocess, sys
import jsonschema, yaml

portwatch, schema, cases, folder, *examples = sys.argv[1:]


class Loader(yaml.SafeLoader):
    """YAML 1.2 as editors read it: a time is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def keys_as_texts(value):
    """A key is a text for us, whatever YAML makes of it: yes and 15 are names of labels."""
    if isinstance(value, dict):
        return {k if isinstance(k, str) else str(k).lower(): keys_as_texts(v) for k, v in value.items()}
    return [keys_as_texts(v) for v in value] if isinstance(value, list) else value


schema = json.load(open(schema))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
documents = []
for line in open(cases):
    if line.startswith("== "):
        verdict, name = line[3:].strip().split(" ", 1)
        documents.append([verdict, name, ""])
    elif documents:
        documents[-1][2] += line
documents += [["good", path, open(path).read()] for path in examples]
wrong = 0
for number, (verdict, name, document) in enumerate(documents):
    path = name if name in examples else os.path.join(folder, f"case{number}.yaml")
    if name not in examples:
        open(path, "w").write(document)
    check = subprocess.run([portwatch, "config", "check", path], capture_output=True, text=True)
    editor = [e.message for e in validator.iter_errors(keys_as_texts(yaml.load(document, Loader)))]
    if check.returncode not in (0, 3) or (check.returncode == 0) != (verdict == "good"):
        print(f"{name}: should be {verdict}; config check: {check.returncode} {check.stderr}")
        wrong += 1
    if bool(editor) != (verdict == "bad"):
        print(f"{name}: should be {verdict}; schema: {editor}")
        wrong += 1
print(len(documents), "documents,", wrong, "judged wrongly")
sys.exit(wrong > 0)
