"""What TensorFlow makes of the network's graph."""

import platform
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import tensorflow as tf

from keras_hyper.export.saved_model import export_saved_model
from keras_hyper.export.session import ServingSession
from keras_hyper.models import MultiLevel
from tests.conftest import random_network


def optimised_nodes(session, signature, inputs):
    """The nodes that TensorFlow really runs for a signature, by name."""
    definition = session.signatures[signature]
    trace = tf.compat.v1.RunMetadata()
    session.session.run(
        [output.name for output in definition.outputs.values()],
        {definition.inputs[name].name: value for name, value in inputs.items()},
        options=tf.compat.v1.RunOptions(output_partition_graphs=True),
        run_metadata=trace,
    )
    return {node.name: node for graph in trace.partition_graphs for node in graph.node}


def sources(node):
    return [name.lstrip("^").split(":")[0] for name in node.input]


def ancestors(nodes, name):
    found, waiting = set(), [name]
    while waiting:
        for source in sources(nodes[waiting.pop()]):
            if source in nodes and source not in found:
                found.add(source)
                waiting.append(source)
    return found


def shared_additions(folder, signature):
    """How many convolutions add in place, and those that do so while another reads the addend."""
    rng = np.random.default_rng(0)
    version = export_saved_model(random_network(blocks=3), folder, card={"data": "none"})
    image = rng.random((1 if signature == "sweep" else 3, 8, 10, 3), dtype="float32")
    level = np.float32([10, 20, 30])
    with ServingSession(version) as session:
        nodes = optimised_nodes(session, signature, {"image": image, "level": level})
    adding = [node for node in nodes.values() if b"Add" in node.attr["fused_ops"].list.s]
    shared = []
    for node in adding:
        added = sources(node)[-1]
        readers = {other.name for other in nodes.values() if added in sources(other)}
        if not readers - {node.name} <= ancestors(nodes, node.name):
            shared.append(node.name)
    return len(adding), shared


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="TensorFlow has oneDNN's fused kernels on x86 alone"
)
@pytest.mark.parametrize("signature", ["serving_default", "sweep"])
def test_runs_at_once_share_no_addition(tmp_path, monkeypatch, signature):
    # See `_add_shared`: a kernel that adds must be the last to read what it adds. TensorFlow reads
    # this variable once, when it is loaded; without it oneDNN is on where the processor has
    # AVX512_VNNI, AVX512_BF16 or AMX. So the graph is made in a process of its own.
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        adding, shared = pool.submit(shared_additions, tmp_path / "denoise", signature).result()
    assert adding, "no fused addition in the graph: the test no longer sees what TensorFlow runs"
    assert not shared


@pytest.mark.parametrize("training", [True, False])
def test_additions_have_an_activation_outside_training_alone(tiny, rng, training):
    trainer = MultiLevel(tiny)
    image = rng.random((2, 2, 8, 8, 3), np.float32)
    inputs = {"image": image, "level": np.float32([[20, 30]] * 2)}
    restore = tf.function(lambda: trainer(inputs, training=training))
    operations = restore.get_concrete_function().graph.get_operations()
    assert ("LeakyRelu" in {operation.type for operation in operations}) is not training
    np.testing.assert_allclose(restore(), trainer(inputs), atol=1e-6)
