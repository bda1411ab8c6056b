#!/usr/bin/env python3
# Checks a proof that a ledger holds a record, by the specifications alone: nothing of Countersign is used.
"""
    verify_proof.py PROOF RECORD KEY

PROOF is a file of the form c2sp.org/tlog-proof@v1, RECORD the record's bytes, KEY the ledger's verifier key (the text
`name+hex+base64` of c2sp.org/signed-note, or a file that holds it). Says what is wrong and ends in 1, or `good` and 0.
"""

import base64
import hashlib
import os
import re
import sys


class Wrong(Exception):
    """What is wrong with the proof."""


# Ed25519, after RFC 8032, section 5.1 and appendix A.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def x_of(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def point(encoded):
    """Extended coordinates (X, Y, Z, T), or None where the bytes are no point."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    x = x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, p):
    total = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            total = add(total, p)
        p, n = add(p, p), n >> 1
    return total


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (x_of(BASE_Y, 0), BASE_Y, 1, x_of(BASE_Y, 0) * BASE_Y % P)


def is_signed(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    return same(times(s, BASE), add(r, times(int.from_bytes(hashed, "little") % L, a)))


# The formats.


def bytes_of(text, what):
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(f"{what} is not base64") from None
    if base64.b64encode(decoded).decode() != text:
        raise Wrong(f"{what} is not base64 as it is written")
    return decoded


def number(text, what):
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text):
        raise Wrong(f"{what} is not a number")
    if int(text) >= 2**64:
        raise Wrong(f"{what} is too large")
    return int(text)


def hash_of(text, what):
    decoded = bytes_of(text, what)
    if len(decoded) != 32:
        raise Wrong(f"{what} is not a SHA-256 hash")
    return decoded


def key_of(text):
    name, id_, encoded = (text.split("+", 2) + ["", ""])[:3]
    decoded = bytes_of(encoded, "the key")
    if len(decoded) != 33 or decoded[0] != 1:
        raise Wrong("the key is not an Ed25519 key of a signed note")
    if hashlib.sha256(name.encode() + b"\n" + decoded).digest()[:4].hex() != id_:
        raise Wrong("the key's id is not that of its name and key")
    return name, decoded


def opened(note, key):
    """The text of a signed note (c2sp.org/signed-note) that this key signed."""
    name, public = key
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise Wrong("the checkpoint is not a signed note")
    text += "\n"
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    found = False
    for line in lines[:-1].split("\n"):
        match = re.fullmatch("— ([^\\s+]+) (\\S+)", line)
        if not match:
            raise Wrong("a signature line of the checkpoint is malformed")
        signature = bytes_of(match[2], "a signature")
        if match[1] == name and signature[:4] == key_id:
            if not is_signed(public[1:], text.encode(), signature[4:]):
                raise Wrong("the signature of the checkpoint is not good")
            found = True
    if not found:
        raise Wrong("the checkpoint is not signed by this key")
    return text


def root_of(leaf, index, size, path):
    """The root that the path leads to: RFC 9162, section 2.1.3.2."""
    if index >= size:
        raise Wrong("the tree is not as large as that")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise Wrong("the proof has too many hashes")
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise Wrong("the proof has too few hashes")
    return r


def check(proof, record, key):
    try:
        text = proof.decode()
    except UnicodeDecodeError:
        raise Wrong("the proof is not text") from None
    if any((ord(c) < 32 or 127 <= ord(c) < 160) and c != "\n" for c in text):
        raise Wrong("the proof has control characters")
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Wrong("it is not a proof of the form c2sp.org/tlog-proof@v1")
    if lines and lines[0].startswith("extra "):
        bytes_of(lines.pop(0).removeprefix("extra "), "the extra data")
    if not lines or not lines[0].startswith("index "):
        raise Wrong("the proof has no index")
    index = number(lines.pop(0).removeprefix("index "), "the index")
    path = [hash_of(line, "a hash of the proof") for line in lines]
    checkpoint = opened(note, key).split("\n")
    if len(checkpoint) < 4 or "" in checkpoint[:-1]:
        raise Wrong("the signed text is no checkpoint")
    if checkpoint[0] != key[0]:
        raise Wrong("the checkpoint is another log's")
    size, root = number(checkpoint[1], "the size"), hash_of(checkpoint[2], "the root hash")
    leaf = hashlib.sha256(b"\x00" + record).digest()
    if root_of(leaf, index, size, path) != root:
        raise Wrong("the proof leads to another root hash")
    return index, size


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], "rb") as file:
        proof = file.read()
    with open(arguments[1], "rb") as file:
        record = file.read()
    key = arguments[2]
    if os.path.exists(key):
        with open(key, encoding="utf-8") as file:
            key = file.read().removesuffix("\n")
    try:
        index, size = check(proof, record, key_of(key))
    except Wrong as wrong:
        print(f"wrong: {wrong}")
        return 1
    print(f"good: record {index} of {size}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
