"""The processes and devices of a run, each with a part of every batch.

JAX runs on one host or several, TensorFlow on the GPUs of one process.
"""

import atexit
import contextlib
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hyper.errors import WrongArgumentError
from keras_hyper.models.precision import accelerators

# Variables of Keras, SLURM and Kubernetes.
_INDEX = "KERAS_DISTRIBUTION_PROCESS_ID", "SLURM_PROCID", "JOB_COMPLETION_INDEX"
_COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES", "SLURM_NTASKS"
_ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
# Most pictures of a validation batch on one device.
_VALIDATED = 8
# Milliseconds within which a living process answers.
_ANSWER = 20_000


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Args:
        index: Of this process. Process 0 alone writes files.
        count: Number of processes.
        devices: Number of devices of all processes together.
        scheduled: Whether a scheduler started this process.
        strategy: The `tf.distribute.MirroredStrategy` of several GPUs under TensorFlow.
    """

    index: int = 0
    count: int = 1
    devices: int = 1
    scheduled: bool = False
    strategy: Any = None

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns the context in which networks and optimizers are made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check_batch(self, batch: int) -> None:
        """Checks that every device gets as many patches.

        Raises:
            WrongArgumentError: If not.
        """
        if batch % self.devices:
            raise WrongArgumentError(
                f"expected --batch as a multiple of {self.devices}, the number of devices, "
                f"got {batch}"
            )

    def check_device(self, device: str | None) -> None:
        """Checks that degradation may run on a device: a strategy needs batches on the host.

        Raises:
            WrongArgumentError: If not.
        """
        if device and self.strategy:
            raise WrongArgumentError(
                f"expected no --device with {self.devices} GPUs under TensorFlow, got {device}"
            )

    def check_step(self, step: int, folder: Path) -> None:
        """Checks that all processes start at the same step.

        Raises:
            ValueError: If not: they read different checkpoints.
        """
        steps = self.all_of(step).tolist()
        if len(set(steps)) > 1:
            raise ValueError(
                f"expected {folder} to be one folder for all processes, got steps {steps}"
            )

    def rows(self, pairs: tf.data.Dataset) -> tf.data.Dataset:
        """Returns the rows of every batch that belong to this process.

        Args:
            pairs: Batches whose length is a multiple of `devices`, the same in all processes.
        """
        if self.strategy:
            # Keras gives the dataset to the strategy, which splits every batch.
            options = tf.data.Options()
            options.experimental_distribute.auto_shard_policy = (
                tf.data.experimental.AutoShardPolicy.OFF
            )
            return pairs.with_options(options)
        if self.count == 1:
            return pairs

        def own(part):
            length = (part.shape[0] or tf.shape(part)[0]) // self.count
            return part[self.index * length : (self.index + 1) * length]

        return pairs.map(lambda *pair: tf.nest.map_structure(own, pair))

    def validation(self, pairs: tf.data.Dataset) -> tf.data.Dataset:
        """Returns the rows of this process of validation pairs, in batches that divide.

        The set is repeated until it divides, so that the means stay those of the set. All batches
        have one length: `MirroredStrategy` splits a shorter one unevenly.

        Args:
            pairs: Batches of any length, the same in all processes.
        """
        if self.devices == 1:
            return pairs
        pictures = sum(len(target) for _, target in pairs.as_numpy_iterator())
        times = self.devices // math.gcd(pictures, self.devices)
        each = pictures * times // self.devices
        batch = self.devices * max(n for n in range(1, _VALIDATED + 1) if each % n == 0)
        repeated = pairs.unbatch().repeat(times).batch(batch, drop_remainder=True)
        count = pictures * times // batch
        # Keras warns of a dataset of unknown length that it ran out of data.
        return self.rows(repeated.apply(tf.data.experimental.assert_cardinality(count)))

    def all_of(self, value: Any) -> np.ndarray:
        """Returns the values of all processes, one a row. Every process must call it."""
        if self.count == 1:
            return np.asarray(value)[None]
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(np.asarray(value)))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Ends this process at once after an error, so that the others end too.

        Raises:
            RuntimeError: In place of an error of JAX, if another process ended.
        """
        try:
            yield
        except Exception as error:
            if self.count == 1:
                raise
            # Before JAX's own end, which would wait for the others.
            atexit.register(_end, 2 if isinstance(error, WrongArgumentError) else 1)
            # Errors of communication have several classes, and begin with a code of JAX.
            silent = self._silent() if re.match(r"[A-Z_]+: ", str(error)) else []
            if not silent:
                raise
            raise RuntimeError(
                f"process {', '.join(silent)} of {self.count} ended or does not answer; a restart "
                "of all continues from the last checkpoint"
            ) from error

    def _silent(self):
        """The numbers of the processes that do not answer, while all call it."""
        from jax._src import distributed

        client, silent = distributed.global_state.client, []
        for other in range(self.count):
            try:
                client.key_value_set(f"alive/{self.index}", "yes", allow_overwrite=True)
                client.blocking_key_value_get(f"alive/{other}", _ANSWER)
            except Exception:
                # Process 0 has the store.
                silent.append(str(other))
        return silent if len(silent) < self.count else ["0"]

    def leave(self, network: keras.Model) -> keras.Model:
        """Ends the work of all processes together; returns the network on this one alone."""
        if self.devices == 1:
            return network
        weights = network.get_weights()
        keras.distribution.set_distribution(None)
        if self.count > 1:
            import jax

            jax.distributed.shutdown()
        alone = type(network).from_config(network.get_config())
        alone.build()
        alone.set_weights(weights)
        return alone


ALONE = Processes()


def join(
    hosts: str | None, host_index: int | None, environment: Mapping[str, str], seed: int
) -> Processes:
    """Joins the other processes of a run, before any network is made.

    Args:
        hosts: ``HOST:PORT`` of each process, with commas between, or of process 0 alone; None for
            `KERAS_DISTRIBUTION_JOB_ADDRESSES`, or for one process.
        host_index: Of this process; None for that of the scheduler.
        environment: Of the process.
        seed: Of the weights.

    Raises:
        WrongArgumentError: If Keras does not run on JAX, or an address or a number is wrong.
        RuntimeError: If the others do not come within five minutes.
    """
    addresses = hosts or environment.get(_ADDRESSES)
    backend = keras.backend.backend()
    if (addresses or host_index is not None) and backend != "jax":
        raise WrongArgumentError(f"expected KERAS_BACKEND=jax with --hosts, got {backend}")
    index, count = 0, 1
    if addresses:
        index, count = place(addresses.split(","), host_index, environment)
        # Without a seed Keras agrees on one by a computation.
        keras.utils.set_random_seed(seed)
        keras.distribution.initialize(addresses, count, index)
    elif host_index is not None:
        raise WrongArgumentError(f"expected --hosts with --host-index {host_index}")
    devices = len(keras.distribution.list_devices()) if backend == "jax" else 1
    gpus = accelerators() if backend == "tensorflow" else []
    if len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy(gpus)
        return Processes(devices=len(gpus), strategy=strategy)
    if devices > 1:
        # Keras's own sharding deals out whole batches: processes would validate on numbers of
        # batches that differ, and wait for each other.
        distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        keras.distribution.set_distribution(distribution)
    return Processes(index, count, devices, bool(addresses) and host_index is None)


def _end(status):
    sys.stdout.flush()
    os._exit(status)


def place(
    addresses: Sequence[str], host_index: int | None, environment: Mapping[str, str]
) -> tuple[int, int]:
    """Returns the index of this process and the number of processes; arguments as of `join`.

    Raises:
        WrongArgumentError: If an address or a number is wrong, or one is missing.
    """
    for address in addresses:
        if not re.fullmatch(r".+:\d+", address):
            raise WrongArgumentError(f"expected HOST:PORT in --hosts, got {address!r}")
    count = _first_number(_COUNT, environment) if len(addresses) == 1 else len(addresses)
    index = _first_number(_INDEX, environment) if host_index is None else host_index
    for name, value, variables in (
        ("several --hosts", count, _COUNT),
        ("--host-index", index, _INDEX),
    ):
        if value is None:
            raise WrongArgumentError(f"expected {name} or one of {', '.join(variables)}, got none")
    if not 0 <= index < count:
        raise WrongArgumentError(f"expected a host index of 0 to {count - 1}, got {index}")
    return index, count


def _first_number(names, environment):
    name = next((name for name in names if name in environment), None)
    if name is None:
        return None
    try:
        return int(environment[name])
    except ValueError:
        raise WrongArgumentError(
            f"expected a number in {name}, got {environment[name]!r}"
        ) from None
