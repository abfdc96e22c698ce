"""What Schemathesis does not know by itself of the API."""

import schemathesis

INVALID = "urn:holdfast:problem:invalid-order"


@schemathesis.check
def good_orders_are_understood(ctx, response, case):
    """An order as the document has it is not refused for its form, but for how things stand."""
    good = case.meta is None or not case.meta.generation.mode.is_negative
    # Whether the customers of a token or a link are there is no matter of form.
    if not good or case.operation.definition.raw["operationId"] in ("createToken", "createLoginLink"):
        return
    if response.status_code == 422 and response.json()["type"] == INVALID:
        raise AssertionError(f"an order of good form is refused for it: {response.json()['detail']}")
