"""What can go wrong when talking to the platform, without the key in any form of it."""

from __future__ import annotations


class PlatformError(Exception):
    """The platform answered, but not with success, or not with what it should.

    status:      HTTP status; of a 2xx answer that could not be read, that status (code `GARBAGE`).
    code:        the envelope's code (`CONFLICT`, …), "" when it gave none.
    message:     the envelope's message, else the first 200 characters of the body, else the status's phrase.
    field:       the first field it complained about, "" for none.
    holder_id:   id of the deployment that holds the name, on a 409 that says so.
    retry_after: seconds it asked us to wait.
    request_id:  for support; changes from call to call, so it never goes into a status.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        field: str = "",
        holder_id: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.holder_id = holder_id
        self.retry_after = retry_after
        self.request_id = request_id

    def __str__(self) -> str:
        code = f" {self.code}" if self.code else ""
        return f"the platform answered {self.status}{code}: {self.message}"


class Unreachable(PlatformError):  # noqa: N818 - it names a state that callers ask about
    """No answer: refused, reset, timed out, or no such host. `sent` False: nothing left this machine."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(0, message)
        self.sent = sent

    def __str__(self) -> str:
        return self.message
