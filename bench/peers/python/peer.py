"""A peer of headcount for bench.sh: the stack of the service that headcount re-does.

uvicorn (uvloop, httptools), Starlette, redis-py with hiredis. A request is one EVALSHA of a
registered script, where the original had a GET and a SET, and so repeated numbers. REDIS_PORT says
where Redis is; with LOGS=1 each number handed out is a line of JSON on stdout, as it was there.
"""

import json
import logging
import os
import sys
from pathlib import Path

import redis.asyncio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


class JsonLines(logging.Formatter):
    def format(self, record):
        line = {
            "ts": self.formatTime(record),
            "level": record.levelname,
            "msg": record.getMessage(),
            "request_num": record.request_num,
        }
        return json.dumps(line)


handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(JsonLines())
log = logging.getLogger("peer")
log.addHandler(handler)
log.setLevel(logging.INFO if os.environ.get("LOGS") == "1" else logging.WARNING)

store = redis.asyncio.Redis(host="127.0.0.1", port=int(os.environ["REDIS_PORT"]))
script = store.register_script((Path(__file__).parent.parent / "take.lua").read_text())
NO_STORE = {"Cache-Control": "no-store"}


async def take(request):
    number = await script(keys=["peer"])
    if number <= 0:
        return JSONResponse({"Go": "away!", "request_num": -number}, headers=NO_STORE)
    log.info("number taken", extra={"request_num": number})
    return JSONResponse({"hello": "world", "request_num": number}, headers=NO_STORE)


app = Starlette(routes=[Route("/", take)])
