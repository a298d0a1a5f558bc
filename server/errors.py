"""What can go wrong in the server.

ServerError
 ├─ ImportRefusedError     files of a street cannot be imported; every problem of them
 ├─ SettingsError          the environment does not say what is needed
 └─ AnswerError            a request is answered with a problem (RFC 9457); carries its status
     ├─ NotFoundError          404: it does not exist, or is not yours to see
     ├─ NotSignedInError       401
     ├─ ForbiddenError         403
     ├─ ConflictError          409: the move is not possible as things stand
     ├─ InvalidError           422: the request is not what the route takes
     └─ TooManyError           429: wait before the next attempt
"""


class ServerError(Exception):
    """Base of the server's own errors."""


class SettingsError(ServerError):
    """The environment does not say what is needed; the text names the variable."""


class ImportRefusedError(ServerError):
    """Files of a street cannot be imported; each line of the text is one problem."""

    def __init__(self, problems: list[str]) -> None:
        """Keep the problems."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type["ImportRefusedError"], tuple[list[str]]]:
        """Come back whole from another process."""
        return type(self), (list(self.problems),)


class AnswerError(ServerError):
    """A request is answered with a problem."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str = "") -> None:
        """Keep the sentence that the caller reads."""
        super().__init__(detail or self.title)
        self.detail = detail


class NotFoundError(AnswerError):
    """It does not exist, or is not yours to see."""

    status = 404
    title = "Not found"


class NotSignedInError(AnswerError):
    """Nobody is signed in."""

    status = 401
    title = "Not signed in"


class ForbiddenError(AnswerError):
    """It is not yours to do."""

    status = 403
    title = "Forbidden"


class ConflictError(AnswerError):
    """It is not possible as things stand."""

    status = 409
    title = "Conflict"


class InvalidError(AnswerError):
    """The request is not what the route takes."""

    status = 422
    title = "Invalid request"


class TooManyError(AnswerError):
    """Too many attempts."""

    status = 429
    title = "Too many attempts"

    def __init__(self, detail: str = "", *, retry_after_s: int) -> None:
        """Keep how long to wait."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s
