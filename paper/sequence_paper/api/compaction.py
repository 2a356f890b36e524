"""The tick store's housekeeping while the API runs: finished segments become Parquet, and too much is cut off."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from sequence_paper.store.ticks.compact import compact, retain

log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 5.0


async def keep_compact(folder: Path) -> None:
    """Until cancelled. A disk that does not let us does not end it: raw segments are as good to read, and bounded."""
    failing = ""
    while True:
        try:
            done = await asyncio.to_thread(compact, folder)
            gone = await asyncio.to_thread(retain, folder)
        except OSError as error:
            if str(error) != failing:
                log.error("market data is not compacted: %s", error)
            failing = str(error)
        else:
            failing = ""
            if done or gone:
                log.info("%d segments of market data compacted, %d old parts removed", done, gone)
        await asyncio.sleep(_EVERY_SECONDS)
