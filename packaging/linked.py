#!/usr/bin/env python3
# What is linked into the program, as Cargo resolves it: a bill of materials, or the copyright file of Debian's package.
"""
    linked.py sbom         CycloneDX 1.5, JSON
    linked.py copyright    DEP-5: every package with its licence, and the texts of these
    linked.py check FILE SBOM
                           whether a bill of materials names each package of Cargo.lock that is linked, with its licence,
                           and each that the program FILE names in its messages of faults

Runs `cargo` in the folder above this one. The same source gives the same output: its time is SOURCE_DATE_EPOCH, and
its serial number is of its content.
"""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Wrong(Exception):
    """What is wrong, for whoever runs this."""


def main(arguments):
    match arguments:
        case ["sbom"]:
            print(json.dumps(bill_of_materials(), indent=1, ensure_ascii=False))
        case ["copyright"]:
            print(copyright_file(), end="")
        case ["check", program, bill]:
            check(Path(program).read_bytes(), json.loads(Path(bill).read_text()))
        case _:
            sys.exit(__doc__)


# --- what is linked ---


def cargo(*arguments):
    done = subprocess.run(["cargo", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong(f"cargo {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def host():
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return re.search("^host: (.*)$", told, re.M)[1], re.search("^release: (.*)$", told, re.M)[1]


def linked():
    """The packages, ours first, each as `cargo metadata` has it, with `needs`: the ids of those that it calls.

    `cargo tree` says which: it resolves features for the program alone, without tests, build scripts and macros.
    """
    triple, _ = host()
    options = ["--locked", "--edges", "normal,no-proc-macro", "--target", triple]
    tree = cargo("tree", *options, "--prefix", "none", "--no-dedupe", "--format", "{p}")
    names = {tuple(line.split(" ")[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", triple))
    by_id = {package["id"]: package for package in metadata["packages"]}
    kept = {id: package for id, package in by_id.items() if (package["name"], "v" + package["version"]) in names}
    if len(kept) != len(names):
        raise Wrong(f"cargo tree names {len(names)} packages, of which cargo metadata has {len(kept)}")
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in kept:
            normal = [need["pkg"] for need in node["deps"] if any(kind["kind"] is None for kind in need["dep_kinds"])]
            kept[node["id"]]["needs"] = sorted(need for need in normal if need in kept)
    root = metadata["resolve"]["root"]
    others = sorted((id for id in kept if id != root), key=lambda id: (kept[id]["name"], kept[id]["version"]))
    return [kept[id] for id in [root, *others]]


def licence(package):
    """An SPDX expression; Cargo still takes the older `A/B` for `A OR B`."""
    stated = package.get("license")
    if not stated:
        raise Wrong(f"{package['name']} {package['version']} states no licence")
    return " OR ".join(part.strip() for part in stated.split("/"))


def contained(package):
    """Libraries in C whose source is in a package: (name, version, licence, where it is from)."""
    folder = Path(package["manifest_path"]).parent
    match package["name"]:
        case "aws-lc-sys":
            version = found_in(folder / "aws-lc/include/openssl/base.h", r'AWSLC_VERSION_NUMBER_STRING "([^"]+)"')
            return [("aws-lc", version, licence(package), f"pkg:github/aws/aws-lc@v{version}")]
        case "libsqlite3-sys":
            version = found_in(folder / "sqlite3/sqlite3.h", r'define SQLITE_VERSION +"([^"]+)"')
            return [("sqlite", version, "blessing", f"pkg:generic/sqlite@{version}")]
        case _:
            return []


def found_in(path, pattern):
    found = re.search(pattern, path.read_text(errors="replace"))
    if not found:
        raise Wrong(f"{path}: no version is where it was")
    return found[1]


# --- bill of materials ---


def bill_of_materials():
    packages = linked()
    references = {package["id"]: f"pkg:cargo/{package['name']}@{package['version']}" for package in packages}
    lock = checksums()
    components = [component(package, references[package["id"]], lock) for package in packages]
    triple, release = host()
    standard = {
        "type": "library",
        "bom-ref": f"rust-std@{release}",
        "name": "rust-std",
        "version": release,
        "description": f"Rust's standard library, for {triple}",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }
    dependencies = [
        {"ref": references[package["id"]], "dependsOn": [references[need] for need in package["needs"]]}
        for package in packages
    ]
    dependencies[0]["dependsOn"].append(standard["bom-ref"])
    ours, *others = components
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**ours, "type": "application"}},
        "components": [*others, standard],
        "dependencies": dependencies,
    }
    if "SOURCE_DATE_EPOCH" in os.environ:
        time = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
        bill["metadata"]["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).digest()
    return {"serialNumber": uuid.UUID(bytes=digest[:16], version=4).urn, **bill}


def component(package, reference, lock):
    made = {
        "type": "library",
        "bom-ref": reference,
        "name": package["name"],
        "version": package["version"],
        "description": " ".join((package["description"] or "").split()),
        "licenses": [{"expression": licence(package)}],
        "purl": reference,
    }
    checksum = lock.get((package["name"], package["version"]))
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    parts = [
        {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "licenses": [{"expression": terms}],
            "purl": purl,
        }
        for name, version, terms, purl in contained(package)
    ]
    return {**made, "components": parts} if parts else made


def checksums():
    """Of the packages as registries give them out, from Cargo.lock."""
    found = {}
    for block in (ROOT / "Cargo.lock").read_text().split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(name|version|checksum) = "([^"]*)"$', block, re.M))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


def check(program, bill):
    components = [bill["metadata"]["component"], *bill["components"]]
    named = {(each["name"], each["version"]) for each in components}
    missing = {(package["name"], package["version"]) for package in linked()} - named
    without = {each["name"] for each in components if not each.get("licenses")}
    # Where the source of a package was, as messages of faults name it.
    places = re.findall(rb"(?:/crates|registry/src/[^/\0]+)/([A-Za-z0-9_-]+?)-(\d+\.\d+\.\d+[A-Za-z0-9.+-]*)/", program)
    if not places:
        raise Wrong("the program names no package at all: this check sees nothing")
    unknown = {(name.decode(), version.decode()) for name, version in places} - named
    for said, found in [("linked", missing), ("named by the program", unknown)]:
        for name, version in sorted(found):
            raise Wrong(f"{name} {version} is {said}, and not in the bill of materials")
    for name in sorted(without):
        raise Wrong(f"{name} is in the bill of materials without a licence")
    print(f"{len(named)} packages, with their licences; the program names {len(set(places))} of them")


# --- copyright file ---

# Debian has these texts in all its systems.
COMMON = {
    "Apache-2.0": "Apache-2.0",
    "LGPL-2.0-or-later": "LGPL-2",
    "MPL-2.0": "MPL-2.0",
}


def copyright_file():
    packages = linked()
    stanzas = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: countersign\n"
        "Comment: \"Files: *\" is Countersign's own code. What else is in the program stands below, each under the\n"
        " name and version of its package. Sequoia (sequoia-openpgp, buffered-reader) is under the LGPL and\n"
        " linked statically: the source of Countersign in this version, with its Cargo.lock, is all that is\n"
        " needed to link the program with a changed one, as its README.md says.\n"
    ]
    used = set()
    for package in packages:
        folder = Path(package["manifest_path"]).parent
        ours = package is packages[0]
        where = "*" if ours else f"{package['name']}-{package['version']}/*"
        expression = licence(package)
        who = holders(folder, package)
        stanzas.append(stanza(where, who, expression))
        used |= identifiers(expression)
        for name, version, terms, _ in contained(package):
            nobody = ["nobody: its authors disclaim copyright"]
            stanzas.append(stanza(f"{name}-{version}/*", nobody if terms == "blessing" else who, terms))
            used |= identifiers(terms)
    for name in sorted(used):
        stanzas.append(f"License: {shown(name)}\n{indented(text_of(name))}")
    return "\n".join(stanzas)


def stanza(where, who, expression):
    return f"Files: {where}\nCopyright: {(chr(10) + ' ' * 11).join(who)}\nLicense: {shown(expression)}\n"


def shown(expression):
    """As DEP-5 writes it, without parentheses: `, and` binds less than `or`. No package nests them deeper."""
    parts = [part.strip("()").replace(" OR ", " or ").replace(" WITH ", " with ") for part in expression.split(" AND ")]
    return (", and " if any(" or " in part for part in parts) else " and ").join(dict.fromkeys(parts))


def holders(folder, package):
    """Lines of the licence files that say whose it is, else the authors that the package states."""
    found = []
    for path in sorted(folder.iterdir()):
        if not (path.is_file() and re.match("LICEN[CS]E|COPYING|COPYRIGHT|NOTICE", path.name, re.I)):
            continue
        for line in path.read_text(errors="replace").splitlines():
            said = re.match(r"[\s/*#.]*(?:Portions )?Copyright\s+((?:\(c\)|©|[12][09]\d\d|the |\w+ ).*)", line, re.I)
            # Not the terms themselves, nor the form that the Apache License ends with.
            if said and not re.search(r"[\[{]|licens|notice|holder|owner|statement|law", said[1], re.I):
                found.append(re.sub(r"^(\(c\)|©)\s*", "", " ".join(said[1].split()), flags=re.I))
    return list(dict.fromkeys(found)) or package["authors"] or [f"the authors of {package['name']}"]


def identifiers(expression):
    return set(re.sub(r"[()]", "", expression).replace(" OR ", " AND ").split(" AND "))


def text_of(name):
    if name in COMMON:
        return f"The whole text is in /usr/share/common-licenses/{COMMON[name]}."
    path = ROOT / "packaging/licences" / name
    if not path.is_file():
        raise Wrong(f"{path.relative_to(ROOT)} is missing: the text of a licence that something linked is under")
    return path.read_text()


def indented(text):
    return "".join(f" {line.rstrip() or '.'}\n" for line in text.strip("\n").splitlines())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")
