"""The interlocks of the site file; `edge.interlocks` says what each means."""

from pydantic import model_validator

from edge.site.settings import Name, Settings


class ForbiddenState(Settings):
    """A state of any device."""

    device: Name
    point: Name
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _check(self) -> "ForbiddenState":
        if (self.above is None) == (self.below is None):
            raise ValueError("an interlock names exactly one of above and below")
        return self


class InterlockSettings(Settings):
    """An action that must not be carried out while a state lasts, or while that state is not known."""

    device: Name
    """The device that acts."""
    do: Name
    """The action of its profile."""
    not_while: ForbiddenState
