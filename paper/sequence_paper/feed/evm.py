"""Reserves of constant-product pools as a chain's JSON-RPC endpoint tells them, all of one block.

Read are the newest block (its number and base fee), the tip that is usual, and of each pool `getReserves()` at that
block. The endpoint's address may carry a key, so only its host is ever shown.
"""

from __future__ import annotations

import contextlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import httpx

_GET_RESERVES: Final = "0x0902f1ac"
_WORD: Final = 64
"""Hex digits of a 32-byte word."""


class ChainError(Exception):
    """The endpoint does not answer, or not as it should; the message says what."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PoolConfig(_Strict):
    """One pool contract. `base` says which of its two tokens is the symbol's base."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}\z")]
    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9]+-[A-Z0-9]+\z")]
    address: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}\z")]
    base: Literal["token0", "token1"]
    base_decimals: Annotated[int, Field(ge=8, le=24)]
    quote_decimals: Annotated[int, Field(ge=0, le=24)]
    fee_ppm: Annotated[int, Field(ge=0, lt=10**6)] = 3_000
    gas_units: Annotated[int, Field(ge=0)] = 150_000


class ChainConfig(_Strict):
    """The file of `--pools`: `rpc`, the symbol whose price gas is paid at, and `[[pools]]`."""

    rpc: Annotated[str, Field(pattern=r"^https?://")]
    coin: str = "ETH-USD"
    refresh_seconds: Annotated[float, Field(ge=0.05, le=600)] = 12.0
    pools: Annotated[list[PoolConfig], Field(min_length=1, max_length=64)]

    @property
    def host(self) -> str:
        """Of the endpoint."""
        import httpx  # few configure a chain

        return httpx.URL(self.rpc).host

    @staticmethod
    def read(path: Path) -> ChainConfig:
        """Raises OSError, tomllib.TOMLDecodeError or pydantic's ValidationError."""
        return ChainConfig.model_validate(tomllib.loads(path.read_text()))


@dataclass(frozen=True, slots=True)
class ChainState:
    """One block. ``reserves`` by pool name: (base, quote) in token units; a pool that did not answer is missing."""

    block: int
    base_fee_wei: int
    tip_wei: int
    reserves: dict[str, tuple[int, int]]
    problems: dict[str, str]


class Chain:
    """Reads the pools of a configuration."""

    def __init__(self, config: ChainConfig, client: httpx.AsyncClient) -> None:
        self._config, self._client = config, client
        self.host = config.host

    async def read(self) -> ChainState:
        """Everything at the newest block. Raises ChainError."""
        head, tip = await self._batch(
            [("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])]
        )
        block, base_fee = _number(_field(head, "number")), _number(_field(head, "baseFeePerGas"))
        calls = [
            ("eth_call", [{"to": pool.address, "data": _GET_RESERVES}, hex(block)])
            for pool in self._config.pools
        ]
        answers = await self._batch(calls, partly=True)
        reserves: dict[str, tuple[int, int]] = {}
        problems: dict[str, str] = {}
        for pool, answer in zip(self._config.pools, answers, strict=True):
            try:
                reserves[pool.name] = _reserves(pool, answer)
            except ChainError as error:
                problems[pool.name] = str(error)
        return ChainState(block, base_fee, _number(tip), reserves, problems)

    async def _batch(self, calls: list[tuple[str, list[Any]]], *, partly: bool = False) -> list[object]:
        """Results in the order of the calls. ``partly``: a call that failed gives its ChainError instead."""
        import httpx

        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(calls)
        ]
        try:
            answer = await self._client.post(self._config.rpc, json=body)
            answer.raise_for_status()
            found = {one["id"]: one for one in answer.json()}
        except httpx.HTTPStatusError as error:
            raise ChainError(f"{self.host} answered {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise ChainError(f"{self.host} does not answer: {type(error).__name__}") from None
        except (ValueError, KeyError, TypeError):
            raise ChainError(f"{self.host} does not answer in JSON-RPC batches") from None
        results = [self._result(method, found.get(number)) for number, (method, _) in enumerate(calls)]
        if not partly:
            for result in results:
                if isinstance(result, ChainError):
                    raise result
        return results

    def _result(self, method: str, answer: object) -> object:
        if not isinstance(answer, dict):
            return ChainError(f"{self.host} left out the answer to {method}")
        if "error" in answer:
            said = answer["error"]
            return ChainError(f"{method}: {said.get('message', said) if isinstance(said, dict) else said}")
        return answer.get("result")


def _reserves(pool: PoolConfig, answer: object) -> tuple[int, int]:
    if isinstance(answer, ChainError):
        raise answer
    digits = answer.removeprefix("0x") if isinstance(answer, str) else ""
    if len(digits) != 3 * _WORD:
        raise ChainError(
            f"{pool.address} is not such a pool: getReserves() gave {len(digits) // 2} bytes, not 96"
        )
    first, second = _number("0x" + digits[:_WORD]), _number("0x" + digits[_WORD : 2 * _WORD])
    return (first, second) if pool.base == "token0" else (second, first)


def _field(answer: object, name: str) -> object:
    if not isinstance(answer, dict) or name not in answer:
        raise ChainError(f"the newest block has no {name}")
    return answer[name]


def _number(text: object) -> int:
    if isinstance(text, str):
        with contextlib.suppress(ValueError):
            return int(text, 16)
    raise ChainError(f"{text!r} is not a number")
