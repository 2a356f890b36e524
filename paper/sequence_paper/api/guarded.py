"""Work of which one piece must not hold up the others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

import sqlalchemy as sa

log = logging.getLogger(__name__)


async def guarded(work: Awaitable[object]) -> None:
    """One order that cannot be worked off is said in the log; whoever looks again tries it again."""
    try:
        await work
    except sa.exc.SQLAlchemyError as error:
        log.error("the store cannot be used: %s", str(error).splitlines()[0])
    except Exception:
        log.exception("an order could not be worked off; it is tried again")
