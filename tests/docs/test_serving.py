"""docs/serving.md: its listings run, its commands are accepted and its files exist."""

import argparse
import re
import shlex

import numpy as np
import pytest

from keras_hyper.cli import restore
from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from tests.conftest import ROOT, random_network
from tests.keras_hyper.serving.fake_server import FakeServer, serving

PAGE = (ROOT / "docs" / "serving.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoise")
    with (
        ServingSession(export_saved_model(random_network(), folder)) as session,
        serving(FakeServer({1: session})) as address,
    ):
        yield address


def test_listings_run_in_order(address, rng):
    names = {"picture": rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)}
    for listing in blocks("python"):
        exec(listing.replace("localhost:8500", address), names)
    assert names["picture"].shape == (9, 7, 3) and names["strip"].shape == (3, 9, 7, 3)
    assert names["card"]["halo"] == 12


def test_commands_are_accepted():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("keras-hyper restore")]
    assert commands
    for line in commands:
        parser = argparse.ArgumentParser()
        restore.add_arguments(parser)
        args = parser.parse_args(shlex.split(line, comments=True)[2:])
        assert args.server == "localhost:8500"


def test_documented_options_exist():
    parser = argparse.ArgumentParser()
    restore.add_arguments(parser)
    known = parser.format_help()
    named = {"--compress", "--tile", "--concurrency", "--resume", "--tls", "--tls-ca", "--tls-key"}
    assert all(name in PAGE and name in known for name in named)


def test_documented_files_exist():
    deploy, table = ROOT / "deploy", PAGE.partition("| file | for |")[2].partition("\n\n")[0]
    named = {
        deploy / name
        for name in re.findall(r"`([\w./]+)`", re.sub(r"\|[^|]*\|$", "", table, flags=re.M))
    }
    assert all(path.exists() for path in named)
    # Other pages have these two folders.
    others = {deploy / "archive", deploy / "training"}
    assert {deploy / path.relative_to(deploy).parts[0] for path in named} | others == set(
        deploy.iterdir()
    )
    for folder in re.findall(r"apply -k (\S+)", PAGE):
        assert (ROOT / folder / "kustomization.yaml").is_file()
    for path in re.findall(r"-f (\S+\.yaml)", PAGE):
        assert (ROOT / path).is_file()
    for link in re.findall(r"\]\((?!http)([\w./-]+)\)", PAGE):
        # This page belongs to the server.
        assert link == "serving-server.md" or (ROOT / "docs" / link).exists()


def test_documented_packages_of_clients_are_those_tested():
    from tests.third_party.__main__ import CLIENTS

    for needs in CLIENTS.values():
        name, version = needs[0].split("==")
        assert f"| {name} {version} |" in PAGE
