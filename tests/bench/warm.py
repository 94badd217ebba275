"""What does a warm tile or vector cost, beside the same bytes from a file behind the same nginx?"""

from __future__ import annotations

from collections.abc import Sequence

from geo import tile
from tests.bench import load
from tests.bench.asking import Asker
from tests.bench.figures import Line, middle
from tests.bench.load import Run
from tests.bench.stack import Stack

ROUNDS = 2
SECONDS = 2
#: What the fastest peer reached beside nginx serving the same 16 kB on two cores: tegola with a warm Redis cache, 15.5
#: of 73.6 thousand requests a second for 0.062 against 0.011 ms of CPU.
PEER_RATE, PEER_CPU = 0.21, 5.6
P99_MS = 10.0
#: The size of tile that the peer was measured with.
_SIZE = 16_000


def measure(stack: Stack) -> list[Line]:
    """Rates, CPU and half-load latency of a tile and of two vectors, interleaved with the baseline."""
    if not load.ready():
        return []
    asker = Asker(stack.web, {"Cookie": stack.cookie})
    registry = asker.json(f"/api/v1/{stack.programme.code}/registry")
    root = f"{stack.programme.code}/{registry['version']}"
    partition = max(registry["partitions"], key=lambda p: p["count"])
    lines = []
    for name, path in (
        ("warm tile", _tile(asker, root, registry["bbox"])),
        ("warm vector, areas", f"/values/{root}/areas/0"),
        ("warm vector, facilities", f"/values/{root}/{partition['seat']}/0"),
    ):
        lines += _one(stack, asker, name, path)
    asker.close()
    return lines


def _tile(asker: Asker, root: str, bbox: Sequence[float]) -> str:
    """The tile of areas whose size is closest to that of the comparison."""
    box = (bbox[0], bbox[1], bbox[2], bbox[3])
    paths = [f"/tiles/{root}/areas/{z}/{x}/{y}.mvt" for z in (5, 6, 7) for x, y in tile.covering(box, z)]
    return min(paths, key=lambda path: abs(len(asker.ask(path).content) - _SIZE))


def _one(stack: Stack, asker: Asker, name: str, path: str) -> list[Line]:
    answer = asker.ask(path)
    assert answer.status == 200, f"{path}: {answer.status}"
    (stack.files / "bytes.mvt").write_bytes(answer.content)
    urls = {
        "file": f"http://{stack.plain}/bytes.mvt",
        "web": f"http://{stack.web}{path}",
        "front": f"http://{stack.front}{path}",
    }
    runs: dict[str, list[Run]] = {which: [] for which in urls}
    for _ in range(ROUNDS):
        for which, url in urls.items():
            runs[which].append(load.run(url, stack.cookie, stack.pids(), seconds=SECONDS))
    rate = {which: middle([run.rate for run in found]) for which, found in runs.items()}
    cost = {which: middle([run.cpu for run in found]) for which, found in runs.items()}
    bad = sum(run.bad for found in runs.values() for run in found)
    half = load.run(urls["front"], stack.cookie, stack.pids(), seconds=SECONDS, rate=rate["front"] / 2)
    size = f"{len(answer.content) / 1000:.1f} kB"
    lines = []
    for which, words in (("web", "direct"), ("front", "through nginx")):
        share, times = rate[which] / rate["file"], cost[which] / max(cost["file"], 1e-9)
        # The budget is a server's against a server's; the hop through nginx is shown beside it.
        direct = which == "web"
        lines += [
            Line(
                f"{name}, {size}, {words}",
                f"{rate[which]:,.0f}/s",
                f"nginx file {rate['file']:,.0f}/s",
                f"{share:.2f}",
                f">= {PEER_RATE} (peer)" if direct else "",
                (share >= PEER_RATE and not bad) if direct else None,
            ),
            Line(
                "    CPU per request",
                f"{cost[which]:.3f} ms",
                f"{cost['file']:.3f} ms",
                f"{times:.1f}x",
                f"<= {PEER_CPU}x (peer)" if direct else "",
                times <= PEER_CPU if direct else None,
            ),
        ]
    lines.append(
        Line(
            "    p50, p99 at half load",
            f"{half.p50:.1f}, {half.p99:.1f} ms",
            f"{half.rate:,.0f}/s",
            budget=f"p99 <= {P99_MS:.0f} ms",
            met=half.p99 <= P99_MS and not half.bad,
        )
    )
    return lines
