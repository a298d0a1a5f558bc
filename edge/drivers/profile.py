"""Device models: one YAML file each, so that a maintainer adds a model without touching Python."""

from collections.abc import Iterator, MutableMapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final

from pydantic import Discriminator, Tag, TypeAdapter, ValidationError

from edge.drivers.listenedprofile import BleProfile, GbProfile, HjProfile, MqttProfile
from edge.drivers.modbusprofile import ModbusProfile
from edge.errors import ConfigError
from edge.site.yamltext import YamlTextError, plain_value, read_yaml

Profile = ModbusProfile | HjProfile | GbProfile | BleProfile | MqttProfile


def _technique(value: Any) -> str:
    found = value.get("technique", "modbus") if isinstance(value, dict) else getattr(value, "technique", "")
    return str(found)


def _read(text: str) -> Any:
    return plain_value(read_yaml(text.encode(errors="replace")), numbers_as_keys=True)


_ADAPTER: Final[TypeAdapter[Profile]] = TypeAdapter(
    Annotated[
        Annotated[ModbusProfile, Tag("modbus")]
        | Annotated[HjProfile, Tag("hj212")]
        | Annotated[GbProfile, Tag("gb26875")]
        | Annotated[BleProfile, Tag("ble")]
        | Annotated[MqttProfile, Tag("mqtt")],
        Discriminator(_technique),
    ]
)


def actions_of(profile: Profile) -> frozenset[str]:
    """Return the names of what a model can be told to do."""
    if isinstance(profile, ModbusProfile | BleProfile):
        return frozenset(profile.actions)
    return frozenset()


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile, for editors."""
    schema = _ADAPTER.json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Gridwarden device profile",
        **schema,
    }


def parse_profile(text: str, *, origin: str) -> Profile:
    """Read a profile.

    Args:
        text: YAML.
        origin: named in errors.

    Raises:
        ConfigError: it is no valid profile.
    """
    try:
        return _ADAPTER.validate_python(_read(text))
    except YamlTextError as error:
        raise ConfigError(f"{origin}: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigError(f"{origin}: {problems}") from error


class ProfileShelf(MutableMapping[str, Profile]):
    """Profiles by model, each read when it is first asked for: a site uses a few of many."""

    def __init__(self, folder: Traversable) -> None:
        """List the folder's YAML files, each named as its model; nothing is read yet."""
        self._files = {
            file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")
        }
        self._read: dict[str, Profile] = {}

    def __getitem__(self, model: str) -> Profile:
        """Return a model's profile.

        Raises:
            KeyError: there is none.
            ConfigError: its file is not valid, or names another model.
        """
        if model not in self._read:
            file = self._files[model]
            profile = parse_profile(file.read_text(encoding="utf-8"), origin=file.name)
            if profile.model != model:
                raise ConfigError(f"{file.name}: it describes {profile.model!r}, which its name must say")
            self._read[model] = profile
        return self._read[model]

    def __setitem__(self, model: str, profile: Profile) -> None:
        """Add a model."""
        self._read[model] = profile

    def __delitem__(self, model: str) -> None:
        """Forget a model."""
        self._files.pop(model, None)
        self._read.pop(model, None)

    def __iter__(self) -> Iterator[str]:
        """Go through the models' names in order."""
        return iter(sorted({*self._files, *self._read}))

    def __len__(self) -> int:
        """Return how many models there are."""
        return len({*self._files, *self._read})


@cache
def shipped_profiles() -> ProfileShelf:
    """Return the profiles that ship with the gateway, by model."""
    return ProfileShelf(resources.files("edge.drivers") / "profiles")
