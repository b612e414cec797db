"""Prints tickets, good ones and others, a line each: what it is, a tab, the ticket.

    forge.py FOLDER: with the secrets, and the answers of headcount, that tests/tickets/run puts there

Signs with the standard library alone, so that what is tested does not test itself.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path


def main(folder):
    secret = (folder / "secret").read_bytes().rstrip(b"\n")
    stranger = (folder / "stranger").read_bytes().rstrip(b"\n")
    first, second, third, hat, rotated = (
        json.loads((folder / name).read_text())["ticket"]
        for name in ["shoes1", "shoes2", "shoes3", "hats", "rotated"]
    )
    header, claims = (json.loads(decoded(part)) for part in third.split(".")[:2])
    assert claims["exp"] - claims["iat"] == 3600, claims
    now = int(time.time())
    none = f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."
    changed = third.split(".")
    changed[1] = encoded({**claims, "request_num": 1})
    without_end = {name: value for name, value in claims.items() if name != "exp"}
    tickets = [
        ("the first", first),
        ("the first again", first),
        ("the second", second),
        ("of another counter", hat),
        ("of a stranger's secret", signed(stranger, header, claims)),
        ("of a stranger's kid", signed(stranger, {**header, "kid": kid(stranger)}, claims)),
        ("without a kid", signed(secret, {"alg": "HS256", "typ": "JWT"}, claims)),
        ("expired", signed(secret, header, {**claims, "iat": now - 90, "exp": now - 60})),
        ("without an end", signed(secret, header, without_end)),
        ("of another issuer", signed(secret, header, {**claims, "iss": "nobody"})),
        ("of no algorithm", none),
        ("of another algorithm", signed(secret, {**header, "alg": "HS384"}, claims, "sha384")),
        ("with a changed claim", ".".join(changed)),
        ("without a signature", third[: third.rindex(".") + 1]),
        ("the third, of which those were made", third),
        ("of the next secret", rotated),
    ]
    for name, ticket in tickets:
        print(f"{name}\t{ticket}")


def kid(secret):
    return base64.urlsafe_b64encode(hashlib.sha256(secret).digest()[:9]).decode()


def signed(secret, header, claims, hash_name="sha256"):
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), hash_name))}"


def encoded(value):
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


main(Path(sys.argv[1]))
