"""The static page in a browser with WebGPU, which the processor emulates."""

import contextlib

import numpy as np
import pytest

from keras_hyper import estimate, restore
from keras_hyper.cli import main
from pipelines import TASKS
from tests.conftest import random_estimator, random_network
from tests.keras_hyper.live.engine import HELPERS, PIXELS, hosted, opened, seen, smooth, viewed

SMALL = PIXELS[:40, :50]


@pytest.fixture(scope="module")
def models():
    return {"model": random_network(), "estimator": random_estimator()}


@pytest.fixture(scope="module")
def address(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    networks = ["--models", str(folder / "model.keras")]
    estimators = ["--estimators", str(folder / "estimator.keras")]
    assert main(["page", str(folder / "site"), *networks, *estimators]) == 0
    with hosted(folder / "site") as host:
        yield host


@pytest.fixture
def visit(browser_with_gpu, address):
    with contextlib.ExitStack() as stack:

        def at(search, fault=""):
            page = stack.enter_context(contextlib.closing(browser_with_gpu.new_page()))
            page.set_default_timeout(120_000)
            page.asked, page.warned = [], []
            page.on("request", lambda request: page.asked.append(request.url))
            page.on("console", lambda said: page.warned.append(said.text))
            if fault:
                page.context.route("**/ort.jspi.bundle.min.js", _with(fault))
                stack.callback(page.context.unroute, "**/ort.jspi.bundle.min.js")
            page.goto(f"{address}/?sample=&{search}")
            page.evaluate(HELPERS)
            return page

        yield at


def _with(fault):
    """Changes what sessions of WebGPU do with `inputs` and `outputs`, as a driver may."""

    def fulfil(route):
        answer = route.fetch()
        script = answer.text()
        name = script.rpartition(" as InferenceSession")[0].rpartition("{")[2]
        more = f"""
            const create = {name}.create.bind({name});
            let runs = 0;
            {name}.create = async (data, options) => {{
              const session = await create(data, options);
              if (options.executionProviders[0] !== "webgpu") return session;
              const run = session.run.bind(session);
              session.run = async (inputs) => {{
                const outputs = await run(inputs), [output] = Object.values(outputs);
                runs += 1;
                {fault}
                return outputs; }};
              return session; }};"""
        route.fulfill(response=answer, body=script + more)

    return fulfil


def uses_gpu(page):
    return any("jspi.wasm" in url for url in page.asked)


def test_view_by_webgpu_equals_the_restored_picture(visit, models):
    page = visit("engine=webgpu")
    picture = opened(page, SMALL)
    answer = viewed(page, picture, [5, 7, 40, 30], 31.5)
    assert uses_gpu(page) and not [said for said in page.warned if "without WebGPU" in said]
    whole = restore(SMALL, 31.5, models["model"])[7:37, 5:45]
    assert np.abs(seen(answer)[..., :3].astype(int) - whole).max() <= 1
    assert np.abs(whole.astype(int) - SMALL[7:37, 5:45]).max() > 5


def test_estimate_beside_webgpu_equals_that_of_the_library(visit, models):
    page = visit("engine=webgpu")
    picture = opened(page, smooth())
    estimated = page.evaluate("(picture) => engine.estimate(picture, 'denoise')", picture)
    wanted = estimate(smooth(), models["estimator"])
    task = TASKS["denoise"]
    assert estimated == pytest.approx(min(max(wanted, task.minimum), task.maximum), rel=1e-3)


def test_network_whose_results_by_webgpu_are_wrong_runs_without_it(visit, models):
    page = visit("engine=webgpu", fault="output.data[7] += 0.01;")
    picture = opened(page, SMALL)
    answer = viewed(page, picture, [0, 0, 50, 40], 31.5)
    assert uses_gpu(page)
    (said,) = [said for said in page.warned if "without WebGPU" in said]
    assert "its result differs by 0.0" in said
    whole = restore(SMALL, 31.5, models["model"])
    assert np.abs(seen(answer)[..., :3].astype(int) - whole).max() <= 1


def test_lost_gpu_is_followed_by_another_attempt(visit, models):
    # The first run compares the network, the second is lost.
    page = visit("engine=webgpu", fault="if (runs === 2) throw new Error('lost');")
    answer = viewed(page, opened(page, SMALL), [0, 0, 50, 40], 31.5)
    whole = restore(SMALL, 31.5, models["model"])
    assert np.abs(seen(answer)[..., :3].astype(int) - whole).max() <= 1


@pytest.mark.parametrize("search", ["", "engine=wasm"], ids=["emulated", "chosen"])
def test_webassembly_runs_where_webgpu_is_emulated_or_not_wanted(visit, models, search):
    page = visit(search)
    answer = viewed(page, opened(page, SMALL), [0, 0, 50, 40], 31.5)
    assert not uses_gpu(page)
    whole = restore(SMALL, 31.5, models["model"])
    assert np.abs(seen(answer)[..., :3].astype(int) - whole).max() <= 1
