"""Money: what a month costs by a price file, what a recommendation in money is, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from idchaos.commands import cli
from idchaos.errors import UsageError
from idchaos.studies.lifetimes.choosing import Constraints, assess_all, choices, recommend, tightened
from idchaos.studies.lifetimes.measured import Check, Compared, fitted
from idchaos.studies.lifetimes.model import Choice, Cost, World, budget_spent, refused_share
from idchaos.studies.lifetimes.page import page
from idchaos.studies.lifetimes.prices import read_prices
from idchaos.studies.lifetimes.study import study

EXAMPLES = Path(__file__).parents[3] / "docs" / "prices"
COST = Cost(token_rps=120, jwks_rps=100, introspection_rps=60, list_rps=0)
WORLD = World(sessions=2_000_000, validators=20)
GOOD = """
currency = "EUR"
[[price]]
of = "token requests"
amount = 2
unit = "1M requests"
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text)
    return path


def test_a_month_of_requests(tmp_path: Path) -> None:
    """120 a second are 315.36 million in 730 hours: at 2 for a million, 630.72."""
    assert read_prices(file(tmp_path, GOOD)).per_month(COST) == pytest.approx(630.72)
    thousands = GOOD.replace("1M requests", "1k requests").replace("amount = 2", "amount = 0.002")
    assert read_prices(file(tmp_path, thousands)).per_month(COST) == pytest.approx(630.72)


def test_a_month_of_ones_own_machines() -> None:
    """120/120 + 100/1,000 + 60/120 vCPUs are 1.6, and 150 % beside: 4; three replicas have 1.25 GB each."""
    prices = read_prices(EXAMPLES / "keycloak-on-fargate.toml")
    assert prices.vcpus(COST) == pytest.approx(4)
    assert prices.per_month(COST) == pytest.approx(730 * (4 * 0.04048 + 3.75 * 0.004445))


def test_users_are_paid_for_whatever_they_do() -> None:
    prices = read_prices(EXAMPLES / "per-request.toml")
    idle = Cost(token_rps=0, jwks_rps=0, introspection_rps=0, list_rps=0)
    assert prices.per_month(idle) == pytest.approx(5_000)
    assert prices.per_month(COST) > 5_000


def test_the_cheapest_in_money_need_not_be_the_cheapest_in_requests(tmp_path: Path) -> None:
    """Where only key requests cost anything, keys are cached long, however often tokens are renewed."""
    text = GOOD.replace("token requests", "key requests")
    prices = read_prices(file(tmp_path, text))
    bounded = Constraints(key_withdrawn_within_s=3_600)
    in_money = recommend(assess_all(choices(), WORLD, prices), bounded).chosen
    assert in_money is not None
    assert in_money.choice.jwks_cache_s == 3_600
    assert in_money.money_per_month == min(
        each.money_per_month or 0 for each in assess_all(choices(), WORLD, prices) if not bounded.broken_by(each)
    )


@pytest.mark.parametrize(
    ("name", "harder"),
    [
        ("revocation_within_s", (86_400, 900, 300, 30, 1)),
        ("survive_outage_s", (60, 600, 3_600)),
        ("money_max", (20_000, 10_000, 6_000, 5_010, 100)),
    ],
)
def test_no_constraint_gets_cheaper_in_money_when_it_is_tightened(name: str, harder: tuple[float, ...]) -> None:
    prices = read_prices(EXAMPLES / "per-request.toml")
    priced = assess_all(choices(), WORLD, prices)
    chosen = [recommend(priced, Constraints().model_copy(update={name: each})).chosen for each in harder]
    money = [each.money_per_month for each in chosen if each is not None]
    assert money == sorted(money, key=lambda each: each or 0)
    assert tightened(priced, Constraints(), name, harder)[0][1] is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("1M requests", "per fortnight"), "token requests is not counted in 'per fortnight', but in 'request'"),
        (('"token requests"', '"logins"'), r"price\.1\.of: should be 'token requests', 'key requests'"),
        (("amount = 2", "amount = -2"), r"price\.1\.amount: should be greater than or equal to 0"),
        (('currency = "EUR"', ""), "currency: is missing"),
        (('of = "token requests"\namount = 2\nunit = "1M requests"', 'of = "cpu"\namount = 1\nunit = "vCPU hour"'),
         "cpu has a price, but there is no"),
        (('of = "token requests"\namount = 2\nunit = "1M requests"', 'of = "users"\namount = 1\nunit = "MAU"'),
         "monthly_users is not said"),
        (("[[price]]", "[[price"), "prices.toml"),
    ],
)  # fmt: skip
def test_a_price_file_that_makes_no_sense_is_refused_with_the_place(
    change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        read_prices(file(tmp_path, GOOD.replace(*change)))


def test_a_limit_of_money_needs_prices() -> None:
    with pytest.raises(UsageError, match="--money-max needs --prices"):
        cli.cli.main(["study", "ttl", "--sessions", "2M", "--money-max", "5k"], standalone_mode=False)


def test_the_page_has_the_money() -> None:
    prices = read_prices(EXAMPLES / "per-request.toml")
    text = page(study(WORLD, Constraints(revocation_within_s=30), prices=prices), "idchaos study ttl")
    assert "EUR a month" in text
    assert "EUR a month" not in page(study(WORLD, Constraints(revocation_within_s=30)), "idchaos study ttl")


@pytest.mark.parametrize("outage_s", [30, 180, 700, 2_000])
def test_what_an_outage_spends_of_a_months_budget_is_the_time_that_sessions_are_refused(outage_s: int) -> None:
    choice = Choice(access_ttl_s=600, jwks_cache_s=600, jwks_stale_s=86_400)
    refused_s = sum(refused_share(moment + 0.5, choice, WORLD) for moment in range(outage_s))
    assert budget_spent(outage_s, choice, WORLD) == pytest.approx(refused_s / 2_592, rel=0.01, abs=1e-6)


def test_a_factor_is_fitted_on_some_runs_and_held_against_another() -> None:
    """A target that refreshes a tenth more often than the closed form says, in every run."""
    choice = Choice(access_ttl_s=20, jwks_cache_s=2)
    checks = [
        Check(
            choice=choice,
            run_dir="x",
            compared=(Compared(what="refreshes", foretold=rate, counted=1.1 * rate, seconds=40),),
        )
        for rate in (20.0, 40.0, 30.0)
    ]
    (found,) = fitted(checks)
    assert found.factor == pytest.approx(1.1)
    assert found.foretold == pytest.approx(33)
    assert found.error == pytest.approx(0)
    assert fitted(checks[:1]) == (), "nothing is left to hold it against"
