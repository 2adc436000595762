"""The one exception for everything a user can mend, and what led to an exception of a library."""

from __future__ import annotations

from collections.abc import Iterator


class UserError(Exception):
    """Bad input: one line that names the file or key, says what is wrong and what to do.

    `recurrent_residual.cli.run` prints it without a traceback and exits with its `status`.
    """

    status = 1
    """The script's exit status; another one is for what is no error, but not done either."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it, the first cause last: requests and urllib3 wrap it three times."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
