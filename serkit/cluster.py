"""Where a study's runs are done besides this process: local worker processes, or a Dask cluster."""

from contextlib import contextmanager

from serkit.errors import SerkitError


@contextmanager
def client(workers: int, scheduler: str):
    """A Dask client of the cluster at an address, or of local worker processes that end with the block.

    Args:
        workers: how many local ones.
        scheduler: ``tcp://host:port``, which takes precedence; empty for local workers.

    Raises:
        SerkitError: no scheduler answers there.
    """
    import keras
    from dask.distributed import Client, LocalCluster

    if scheduler:
        try:
            found = Client(scheduler, timeout="20s")
        except (OSError, ValueError, TimeoutError) as error:
            raise SerkitError(f"no Dask scheduler answers at {scheduler!r}: start one, or use --workers") from error
        with found:
            yield found
        return
    environment = {"KERAS_BACKEND": keras.backend.backend(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            env=environment,
            dashboard_address=None,
            silence_logs=40,
        ) as cluster,
        Client(cluster) as found,
    ):
        yield found
