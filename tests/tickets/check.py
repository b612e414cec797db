"""Redeems each ticket of FOLDER/tickets by the example of the document, and prints what came of it."""

import sqlite3
import sys
from pathlib import Path

from redeem import read_secrets, redeem

folder = Path(sys.argv[1])
secrets = read_secrets(folder / "secret", folder / "next")
database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE redeemed (jti text PRIMARY KEY)")
for line in (folder / "tickets").read_text().splitlines():
    name, ticket = line.split("\t")
    try:
        outcome = f"redeemed {redeem(ticket, 'shoes', secrets, database)['request_num']}"
    except Exception as error:
        outcome = type(error).__name__
    print(f"{name}\t{outcome}")
