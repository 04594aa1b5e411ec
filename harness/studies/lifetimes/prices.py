"""Money: what a choice costs in a month, by a price file. A price without a unit that is known is no price."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from idchaos.errors import UsageError
from idchaos.files import toml_of
from idchaos.settings import plain
from idchaos.studies.lifetimes.model import Cost
from idchaos.values import Value

HOURS = 730.0
"""Of a month."""
SECONDS = HOURS * 3_600

Of = Literal["token requests", "key requests", "introspections", "list requests", "cpu", "memory", "users"]
REQUESTS = {"request": 1.0, "1k requests": 1e3, "1M requests": 1e6}
UNITS: dict[str, dict[str, float]] = {
    **dict.fromkeys(("token requests", "key requests", "introspections", "list requests"), REQUESTS),
    "cpu": {"vCPU hour": 1.0},
    "memory": {"GB hour": 1.0},
    "users": {"MAU": 1.0},
}
"""In what each thing is counted, and how many of it a unit is."""


class Price(Value):
    """What something costs."""

    of: Of
    amount: float = Field(ge=0)
    unit: str


class Sizing(Value):
    """How much of a machine requests take."""

    token_requests_per_vcpu: float = Field(gt=0)
    """Per second; so of the others."""
    key_requests_per_vcpu: float = Field(gt=0)
    introspections_per_vcpu: float = Field(gt=0)
    head_room: float = Field(0, ge=0)
    """Beside what is used, as a share of it."""
    replicas: int = Field(1, ge=1)
    gb_per_replica: float = Field(0, ge=0)


class Prices(Value):
    """A price file."""

    currency: str = Field(min_length=1, max_length=8)
    source: str = ""
    monthly_users: float = Field(0, ge=0)
    price: tuple[Price, ...] = Field(min_length=1)
    sizing: Sizing | None = None

    def per_month(self, cost: Cost) -> float:
        """What requests at the IdP cost in a month of 730 hours, in the file's currency."""
        return sum(price.amount * self._amount(price.of, cost) / UNITS[price.of][price.unit] for price in self.price)

    def _amount(self, of: Of, cost: Cost) -> float:
        sizing = self.sizing
        if of == "users":
            return self.monthly_users
        if of == "memory":
            return HOURS * sizing.replicas * sizing.gb_per_replica if sizing else 0.0
        if of == "cpu":
            return HOURS * self.vcpus(cost)
        return (
            SECONDS
            * {
                "token requests": cost.token_rps,
                "key requests": cost.jwks_rps,
                "introspections": cost.introspection_rps,
                "list requests": cost.list_rps,
            }[of]
        )

    def vcpus(self, cost: Cost) -> float:
        """What the requests take, and the head-room; a list is asked for as keys are."""
        if self.sizing is None:
            return 0.0
        used = (
            cost.token_rps / self.sizing.token_requests_per_vcpu
            + (cost.jwks_rps + cost.list_rps) / self.sizing.key_requests_per_vcpu
            + cost.introspection_rps / self.sizing.introspections_per_vcpu
        )
        return used * (1 + self.sizing.head_room)


def read_prices(path: Path) -> Prices:
    """A price file.

    Raises:
        UsageError: it can't be read, or something in it is wrong: which price, what, and what would be right.
    """
    try:
        prices = Prices.model_validate(toml_of(path))
    except OSError as error:
        raise UsageError(f"--prices {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise UsageError(f"--prices {path}: {where}: {plain(first['msg'])}") from None
    except ValueError as error:
        raise UsageError(f"--prices {path}: no TOML: {error}") from None
    for number, price in enumerate(prices.price, start=1):
        known = UNITS[price.of]
        if price.unit not in known:
            raise UsageError(
                f"--prices {path}: price {number}: {price.of} is not counted in {price.unit!r}, but in "
                f"{' or '.join(repr(unit) for unit in known)}"
            )
        if price.of in ("cpu", "memory") and prices.sizing is None:
            raise UsageError(f"--prices {path}: price {number}: {price.of} has a price, but there is no [sizing]")
        if price.of == "users" and not prices.monthly_users:
            raise UsageError(f"--prices {path}: price {number}: users have a price, but monthly_users is not said")
    return prices
