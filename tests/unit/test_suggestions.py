"""Suggested names are close by what tells the names of a system apart, not by the prefix that they share."""

import pytest

from bot import errors

NAMES = ("pos-order", "pos-price", "pos-people", "pos-vehicle", "pos-reader", "order", "orders", "accounting", "prod")


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("pos-oder", ("pos-order",)),
        ("pos-shop", ()),
        ("pos-orders", ("pos-order", "orders")),
        ("ordr", ("order",)),
        ("prdo", ("prod",)),
        ("zzz", ()),
    ],
)
def test_only_close_names_are_suggested(name: str, suggested: tuple[str, ...]) -> None:
    assert set(errors.NotFound("service", name, NAMES).suggestions) <= {*suggested, "orders"}
    assert set(suggested[:1]) <= set(errors.NotFound("service", name, NAMES).suggestions)
