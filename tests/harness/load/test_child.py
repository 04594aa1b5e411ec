"""The child process for real, against a small IdP and gateway in the test's own process."""

import asyncio
import contextlib
import itertools
import json
import resource
import signal
import sys
import time
from collections import Counter
from urllib.parse import urlencode

import pytest
from aiohttp import web

from idchaos.record.samples import COLUMNS, read_stream

pytestmark = pytest.mark.e2e

SOON_S = 3.0  # generous: the child promises one second


class FakeTarget:
    """Just enough of an IdP and a gateway: opaque strings as tokens; whoever shows one of them may pass."""

    def __init__(self):
        self.numbers = itertools.count()
        self.tokens = set()
        self.requests = Counter()
        self.gateway_delay_s = 0.0

    async def start(self):
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.metadata)
        app.router.add_get("/authorize", self.authorize)
        app.router.add_post("/login", self.login)
        app.router.add_post("/token", self.token)
        app.router.add_get("/jwks", self.jwks)
        app.router.add_get("/orders", self.orders)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def metadata(self, _):
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return web.json_response({"issuer": self.url} | {k: f"{self.url}/{v}" for k, v in names.items()})

    async def authorize(self, request):
        self.requests["authorize"] += 1
        form = f"""<form action="/login"><input type="hidden" name="state" value="{request.query["state"]}">
            <input name="username"><input type="password" name="password"></form>"""
        return web.Response(text=form, content_type="text/html")

    async def login(self, request):
        state = (await request.post())["state"]
        raise web.HTTPFound("http://127.0.0.1:9/cb?" + urlencode({"code": "c", "state": state, "iss": self.url}))

    async def token(self, request):
        self.requests["token"] += 1
        token = f"token-{next(self.numbers)}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "refresh_token": f"r-{token}", "expires_in": 300})

    async def jwks(self, _):
        return web.json_response({"keys": []})

    async def orders(self, request):
        self.requests["orders"] += 1
        await asyncio.sleep(self.gateway_delay_s)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens:
            return web.json_response({}, headers={"Idchaos-Replica": "gateway-1"})
        return web.json_response({}, status=401, headers={"Idchaos-Reason": "token_inactive"})


@pytest.fixture
async def target():
    fake = FakeTarget()
    await fake.start()
    yield fake
    await fake.runner.cleanup()


def job_for(target, tmp_path, *streams, **changes):
    web_client = {"client_id": "web", "client_secret": "s", "redirect_uri": "http://127.0.0.1:9/cb", "scope": "openid"}
    machine = {"client_id": "machine", "client_secret": "s", "grants": ["client_credentials"], "scope": "read"}
    job = {
        "plan": {
            "streams": [{"flow": flow, "rate": rate} for flow, rate in streams],
            "sessions": 4,
            "timeout_s": 2.0,
            "canaries": {"kinds": ["tampered", "replayed"], "clock_margin_s": 6.0},
        },
        "endpoints": {
            "issuer": target.url,
            "idp_url": target.url,
            "gateways": [{"name": "gateway-1", "url": target.url}],
            "routes": [{"path": "/orders", "service": "orders", "audience": "orders", "scope": "read"}],
            "clients": [web_client | {"grants": ["authorization_code", "refresh_token"]}, machine],
            "users": [{"username": "alice", "password": "p"}],
        },
        "seed": 7,
        "duration_s": 2.0,
        "samples_path": str(tmp_path / "samples.jsonl"),
    }
    return job | changes


class Driver:
    """The runner's side of the pipes."""

    def __init__(self, process):
        self.process = process

    def tell(self, value):
        self.process.stdin.write(json.dumps(value).encode() + b"\n")

    async def event(self):
        line = await asyncio.wait_for(self.process.stdout.readline(), 20)
        return json.loads(line) if line else None

    async def begin(self, job):
        self.tell(job)
        ready = await self.event()
        assert ready["event"] == "ready", ready
        self.tell({"start": time.time()})
        return ready

    async def end(self):
        """All further events, the exit code, what was said on stderr, and how long it took."""
        began, events = time.monotonic(), []
        while (event := await self.event()) is not None:
            events.append(event)
        code = await self.process.wait()
        stderr = (await self.process.stderr.read()).decode()
        return events, code, stderr, time.monotonic() - began


@contextlib.asynccontextmanager
async def child(**options):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "idchaos.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **options,
    )
    try:
        yield Driver(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        process.stdin.close()
        process._transport.close()


def samples(tmp_path):
    return [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(tmp_path / "samples.jsonl")]


async def test_a_whole_load(target, tmp_path):
    async with child() as driver:
        await driver.begin(job_for(target, tmp_path, ("api", 60), ("login", 3), ("machine", 5)))
        events, code, stderr, _ = await driver.end()
    assert code == 0
    assert "Traceback" not in stderr
    done = events[-1]
    rows = samples(tmp_path)
    assert done["event"] == "done"
    assert done["recorded"] == len(rows)
    assert done["dropped"] == 0
    progress = [event for event in events if event["event"] == "progress"]
    assert progress and {"at", "elapsed_s", "sent", "in_flight", "rate", "p95_s", "by_outcome"} <= progress[-1].keys()
    counts = Counter((row["flow"], row["endpoint"], row["outcome"]) for row in rows)
    assert {outcome for _, _, outcome in counts} == {"ok"}
    assert 60 < counts["api", "/orders", "ok"] < 220
    assert counts["login", "authorize", "ok"] == counts["login", "token", "ok"] > 0
    # What the load generator says it sent is what the target saw.
    assert target.requests["orders"] == counts["api", "/orders", "ok"]
    assert target.requests["authorize"] == 4 + counts["login", "authorize", "ok"]


async def test_the_loop_is_open_and_bounded(target, tmp_path):
    """The gateway answers after a second, far slower than requests come: they are sent on time all the same."""
    target.gateway_delay_s = 1.0
    job = job_for(target, tmp_path, ("api", 100), duration_s=1.5)
    job["plan"]["max_in_flight"] = 60
    async with child() as driver:
        await driver.begin(job)
        await driver.end()
    rows = samples(tmp_path)
    sent = [row for row in rows if row["error_code"] != "dropped"]
    assert len(rows) > len(sent) >= 60
    late = sorted(row["sent_at"] - row["due_at"] for row in sent)
    assert late[len(late) // 2] < 0.1
    assert min(row["latency_s"] for row in sent) >= 1.0


async def test_the_same_seed_gives_the_same_plan(target, tmp_path):
    hashes = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        job = job_for(target, tmp_path, ("api", 50), seed=seed, samples_path=str(tmp_path / name))
        async with child() as driver:
            driver.tell(job)
            hashes.append((await driver.event())["schedule_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("how", ["stdin closed", "SIGTERM"])
async def test_a_load_that_is_cut_short_keeps_what_it_recorded(target, tmp_path, how):
    async with child() as driver:
        await driver.begin(job_for(target, tmp_path, ("api", 50), duration_s=60))
        assert (await driver.event())["event"] == "progress"
        if how == "SIGTERM":
            driver.process.send_signal(signal.SIGTERM)
        else:
            driver.process.stdin.close()
        events, code, stderr, took = await driver.end()
    assert (code, stderr) == (0, "")
    assert took < SOON_S
    assert events[-1]["event"] == "done" and events[-1]["interrupted"]
    assert len(samples(tmp_path)) == events[-1]["recorded"] > 0


async def test_a_key_withdrawn_under_load_is_news_and_not_the_end(target, tmp_path):
    async with child() as driver:
        await driver.begin(job_for(target, tmp_path, ("api", 50), duration_s=0.5))
        driver.tell({"kid": "k1", "forgotten_from": time.time()})
        events, code, stderr, _ = await driver.end()
    assert (code, stderr) == (0, "")
    assert events[-1]["event"] == "done" and not events[-1]["interrupted"]


async def test_an_order_that_makes_no_sense_is_one_clear_line(target, tmp_path):
    async with child() as driver:
        await driver.begin(job_for(target, tmp_path, ("api", 50), duration_s=60))
        driver.tell({"forgotten_from": "soon"})
        events, code, stderr, _ = await driver.end()
    assert (code, stderr) == (70, "")
    assert (events[-1]["event"], events[-1]["code"]) == ("failed", "bad_usage")
    assert events[-1]["message"].startswith("Withdrawn: kid: ")


async def test_a_full_disk_is_one_clear_line(target, tmp_path):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    async with child(preexec_fn=small_disk) as driver:
        await driver.begin(job_for(target, tmp_path, ("api", 300), duration_s=60))
        events, code, stderr, _ = await driver.end()
    assert (code, stderr) == (70, "")
    assert events[-1]["event"] == "failed"
    assert events[-1]["code"] == "store_failed"
    assert len(samples(tmp_path)) > 10


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"duration_s": -1}, "bad_usage", "duration_s"),
        ({"samples_path": "/nowhere/samples"}, "store_failed", "/nowhere/samples"),
        ({"endpoints": {"idp_url": "http://127.0.0.1:9"}}, "load_failed", "connect_refused"),
        ({"endpoints": {"idp_url": "http://192.0.2.1"}}, "bad_usage", "allow_hosts"),
    ],
)
async def test_what_cannot_be_is_one_clear_line(target, tmp_path, change, code, says):
    job = job_for(target, tmp_path, ("api", 10))
    endpoints = job["endpoints"] | change.pop("endpoints", {})
    async with child() as driver:
        driver.tell(job | change | {"endpoints": endpoints})
        (event,), exit_code, stderr, _ = await driver.end()
    assert (exit_code, stderr) == (70, "")
    assert (event["event"], event["code"]) == ("failed", code)
    assert says in event["message"]
