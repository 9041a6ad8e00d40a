"""The report of ``keras-hyper restore``: what was done to each file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_hyper.errors import error_text
from keras_hyper.restoration.folder import RestoredFile, needed
from keras_hyper.restoration.level import AUTO
from keras_hyper.restoration.pairs import Listing
from pipelines import TASKS


def rows_of(
    listing: Listing, done: Mapping[Path, RestoredFile], errors: Mapping[Path, Exception]
) -> list[dict[str, Any]]:
    """Returns what happened to every file, in the order of their names.

    Args:
        listing: All files of the folder.
        done: What was done to each.
        errors: Why others were refused.

    Returns:
        Rows of `file`, `status` (restored, unchanged, existed, refused, skipped) and, by status,
        `reason`, `out`, `levels` and `changed`. Of several pages each level has
        its `page`.
    """
    rows: dict[Path, dict[str, Any]] = {
        source: {"status": "skipped", "reason": kind} for source, kind in listing.others.items()
    }
    for source, out in listing.pairs:
        if source in errors:
            reason = error_text(errors[source], source)
            rows[source] = {"status": "refused", "reason": reason}
        elif source in done:
            file = done[source]
            several = len(file.pages) > 1
            levels = [
                ({"page": number} if several else {})
                | {"task": name, "level": used.level, "source": used.source or "given"}
                for number, page in enumerate(file.pages, 1)
                for name, used in needed(page)
            ]
            rows[source] = {"status": "unchanged" if file.unchanged else "restored",
                            "out": str(out), "levels": levels,
                            "changed": list(file.notes)}  # fmt: skip
        else:
            rows[source] = {"status": "existed", "out": str(out)}
    return [{"file": str(source), **rows[source]} for source in sorted(rows)]


def summary(rows: Sequence[Mapping[str, Any]], restored: str, out: Path) -> str:
    """Returns the numbers of files, such as ``2 of 3 restored in 4 s: out; 1 refused``.

    Args:
        rows: Of `rows_of`.
        restored: What happened to the restored ones, such as ``restored in 4 s``.
        out: The file or folder that was written.
    """
    count = Counter(row["status"] for row in rows)
    parts = [f"{count['restored']} of {len(rows) - count['skipped']} {restored}: {out}"]
    others = ("unchanged", "existed", "refused")
    parts += [f"{count[status]} {status}" for status in others if count[status]]
    kinds = Counter(row["reason"] for row in rows if row["status"] == "skipped")
    skipped = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return "; ".join(parts + [f"{count['skipped']} skipped ({skipped})"] * bool(kinds))


def changes(
    done: Mapping[Path, RestoredFile], task: str | None, level: Any, explain: bool
) -> Iterator[str]:
    """Yields a line for each file with an estimated level, or with metadata that was lost.

    Args:
        done: What was done to each file.
        task: The task that the user chose; None if each picture's.
        level: The level that the user chose; lines name levels only if it is `AUTO`.
        explain: Whether a line has the reason why the picture was restored or not.
    """
    for source in sorted(done):
        words = list(done[source].notes)
        if level == AUTO and done[source].pages:
            words.insert(0, _what_was_done(done[source], task, explain))
        if words:
            yield f"{source}: {'; '.join(words)}"


def _what_was_done(file, chosen, explain):
    """Returns such as "level 40 (from the file's tables)"; with the task unless it was chosen."""
    pages = [_of_page(page, chosen, explain) for page in file.pages]
    if len(set(pages)) == 1:
        return pages[0]
    return ", ".join(f"page {number}: {text}" for number, text in enumerate(pages, 1))


def _of_page(page, chosen, explain):
    names = {name: "" if chosen else f"{name} at " for name, _ in page}
    text = ", ".join(f"{names[name]}{used}" for name, used in needed(page)) or "unchanged"
    if not explain:
        return text
    reasons = [f"{TASKS[name].label} {_reason(TASKS[name], used, chosen)}" for name, used in page]
    return f"{text} [{'; '.join(reasons)}]"


def _reason(task, used, chosen):
    if used is None:
        return "not found"
    limit = task.estimator_limit if chosen else task.automatic
    limits = "" if limit is None else f", restored {'from' if task.rising else 'up to'} {limit:g}"
    return f"{used}{limits}".removeprefix("level ")
