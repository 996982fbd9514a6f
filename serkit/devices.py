"""What Keras computes on: how many threads, which GPU, and how much of its memory."""

import os
import re
import subprocess

from serkit.errors import SerkitError

THREADS = {"tensorflow": 2, "jax": 2, "torch": 1}  # that each backend computes with; see training.limit_threads


def threads() -> int:
    """How many threads Keras' backend computes with: ``$SERKIT_THREADS``, or what is best for it.

    Raises:
        SerkitError: ``$SERKIT_THREADS`` is no whole number of at least 1.
    """
    import keras

    given = os.environ.get("SERKIT_THREADS", str(THREADS.get(keras.backend.backend(), 2)))
    if not given.isdigit() or int(given) < 1:
        raise SerkitError(f"SERKIT_THREADS is {given!r}: give a whole number of at least 1")
    return int(given)


def accelerators() -> list[str]:
    """The GPUs that Keras' backend uses, by name; none where it computes on the processor."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        return [details(gpu).get("device_name", gpu.name) for gpu in tf.config.list_physical_devices("GPU")]
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if backend == "torch":
        import torch

        used = keras.ops.zeros(1).device
        return [torch.cuda.get_device_name(used) if used.type == "cuda" else used.type] if used.type != "cpu" else []
    return []


def unused() -> str:
    """Say that a GPU is there, or asked for, which Keras' backend does not use, and what to do; empty otherwise."""
    import keras

    if not gpus() or accelerators():
        return ""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = "nvidia-smi lists a GPU" if given is None else f"CUDA_VISIBLE_DEVICES is {given!r}"
    return (
        f"{there}, but {keras.backend.backend()} finds none: everything is computed on the processor. To use it, "
        "install the CUDA libraries here, pip install -e '.[cuda]' (the README has a section on GPUs); to do without "
        "it and not be told, set CUDA_VISIBLE_DEVICES=-1"
    )


def gpus() -> list[str]:
    """The GPUs that a process of this machine may use, as ``CUDA_VISIBLE_DEVICES`` takes them; no backend is loaded.

    They are those of that variable, if it is set; else those that ``nvidia-smi`` lists, or the slices of one that is
    divided (MIG).
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        # "-1" stands for none, and so does Slurm's "NoDevFiles".
        there = [name.isdigit() or name.startswith(("GPU-", "MIG-")) for name in names]
        last = there.index(False) if False in there else len(names)
        return names[:last]  # CUDA sees none after the first that is not there
    try:
        command = ["nvidia-smi", "-L"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[list[str]] = []
    for kind, name in re.findall(r"^\s*(GPU|MIG) .*\(UUID: ([^)]+)\)", listed, re.M):
        if kind == "GPU":
            found.append([name])
        else:
            found[-1].append(name)
    return [name for one in found for name in (one[1:] or one)]


def share_memory() -> None:
    """Let TensorFlow and JAX take a GPU's memory as they need it, so that several processes can share one.

    Unasked, TensorFlow reserves nearly all of it and JAX three quarters. Call this before either computes; a value
    that the environment has is kept. PyTorch does so anyway.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
