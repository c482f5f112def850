"""What the shipped procedures promise beyond being sound, which test_loading.py says of them."""

from bot.procedures import schema
from tests.unit.procedures import procedure_tests

SHIPPED = [procedure_tests.shipped(path.stem) for path in sorted(procedure_tests.PROCEDURES.glob("*.yaml"))]


def test_somebody_is_asked_before_anything_is_taken_back_or_handed_over() -> None:
    asking = {one.id for one in SHIPPED if any(step.uses == schema.CONFIRM for step in one.steps)}

    assert {"post-deployment", "to-workspace"} <= asking
    assert all(one.effect is schema.Effect.READ for one in SHIPPED)
