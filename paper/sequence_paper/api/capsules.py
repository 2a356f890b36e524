"""`/v1/capsules`: what a run of an account's algos depended on, as a file that repeats it.

The answer has no digest yet: whoever fetches it repeats the run, compares the fills with those inside, and writes the
digest (`python -m sequence_paper.replay --seal FILE`). So a capsule is proven where it is used, and not in the API.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.api.errors import invalid
from sequence_paper.api.platform import Here, Who, needs_key
from sequence_paper.replay.capsule import SUFFIX

router = APIRouter(prefix="/v1", tags=["capsules"], dependencies=[needs_key])


@router.get("/capsules", response_class=Response)
async def capsules(
    here: Here,
    who: Who,
    node_order_id: str | None = None,
    deployment: str | None = None,
    venue: str | None = None,
    from_: Annotated[str | None, Query(alias="from")] = None,
    to: str | None = None,
    what_if: str | None = None,
) -> Response:
    """From the beginning of an edge's run to the end of an order (`node_order_id`), or to the feed time `to` for a
    `deployment`; `from` only has to lie in the run. 409 says why something cannot be repeated.

    `what_if` (of an order: `venue=NAME`, `latency=PROFILE`, `post-only`): with all that this question needs besides,
    up to ten minutes of what came after, and the other venue's market."""
    if (node_order_id is None) == (deployment is None):
        raise invalid("node_order_id", "give either node_order_id or deployment")
    if what_if is not None and node_order_id is None:
        raise invalid("what_if", "it is a question about one order: give node_order_id")
    from sequence_paper.api import capturing  # the code of edges and wasmtime: nothing else here needs them

    change = capturing.change_of(what_if) if what_if is not None else None

    def work() -> bytes:
        if node_order_id is not None:
            return capturing.of_order(here, who, node_order_id, change)
        return capturing.of_deployment(here, who, str(deployment), venue, from_, to)

    headers = {"Content-Disposition": f'attachment; filename="run{SUFFIX}"'}
    return Response(await here.run(work), headers=headers, media_type="application/zstd")
