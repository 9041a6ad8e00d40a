"""The interactive page: a picture, a level, before and after."""

from pipelines import TASKS

# Larger pictures and files are refused, by the server (by default) and by the static page.
MAX_PIXELS = 64_000_000
MAX_BYTES = 1 << 28


def shipped_networks() -> list[str]:
    """Returns the names of the networks that ship, one per task, in the page's order."""
    tasks = sorted(TASKS.values(), key=lambda task: not task.listed_first)
    return [task.preset for task in tasks if task.preset]


def shipped_estimators() -> list[str]:
    """Returns the names of the level estimators that ship, one per task or axis of a task."""
    levels = [level for task in TASKS.values() for level in (task, *task.axes)]
    return [level.estimator for level in levels if level.estimator]


def gray_network(name: str) -> str:
    """Returns the name of the network that ships for gray beside that of a name; "" for none."""
    return next((task.gray_preset for task in TASKS.values() if task.preset == name), "")
