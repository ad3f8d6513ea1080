"""The API reference, example by example, through the gateway: its own requests get its own answers."""

from contextlib import suppress

import httpx
import pytest

from tests.contracts.examples import Example, filled, load
from tests.contracts.openapi import Judge
from tests.contracts.shapes import problems
from tests.e2e.asking import ask
from tests.e2e.files import file
from tests.e2e.scenario import Scenario
from tests.e2e.stage import Known
from tests.waiting import eventually


@pytest.mark.parametrize("example", load(), ids=str)
async def test_the_example_is_answered_as_the_reference_says(
    scenario: Scenario, judge: Judge, nobody: httpx.AsyncClient, example: Example
) -> None:
    known = await scenario.given(example.given) | {"nobody": nobody}

    answer = await answered(example, known)

    assert differences(example, known, answer) == []
    assert judge.differences(example.endpoint, answer) == []
    if example.body is not None:
        assert judge.request_problems(example.endpoint, filled(example.body, known)) == []


async def answered(example: Example, known: Known) -> httpx.Response:
    """The answer; where it follows from an event, the first that is right, or else the last one."""
    answers: list[httpx.Response] = []

    async def right() -> bool:
        answers.append(await ask(example, known))
        return not (example.eventually and differences(example, known, answers[-1]))

    with suppress(AssertionError):
        await eventually(right)
    return answers[-1]


def differences(example: Example, known: Known, answer: httpx.Response) -> list[str]:
    """Between what is wanted and what was answered."""
    if answer.status_code != example.status:
        return [f"{answer.status_code}: {answer.text}"]
    if example.file_answer:
        _, content, media_type = file(example.file_answer)
        same = (answer.content, answer.headers["content-type"]) == (content, media_type)
        return [] if same else ["another file"]
    if example.answer is None:
        return [answer.text] if answer.content else []
    return problems(filled(example.answer, known), answer.json())
