"""Compares the metadata of two folders of pictures tag by tag, as exiftool reads it.

Debian has exiftool in the package libimage-exiftool-perl.
"""

import argparse
import json
import subprocess
from collections import Counter
from pathlib import Path

# Groups of the file itself, and values that exiftool computes.
_NOT_STORED = ("System:", "ExifTool:", "Composite:", "SourceFile")


def tags_of(folder: Path) -> dict[str, dict[str, str]]:
    """Returns the tags of every file below a folder, by its path there.

    Raises:
        OSError: If exiftool is not installed.
    """
    command = ["exiftool", "-json", "-a", "-G1", "-u", "-r", str(folder)]
    output = subprocess.run(command, capture_output=True, text=True).stdout or "[]"
    return {
        str(Path(row["SourceFile"]).relative_to(folder)): {
            name: str(value) for name, value in row.items() if not name.startswith(_NOT_STORED)
        }
        for row in json.loads(output)
    }


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Returns ``lost``, ``added`` or ``changed`` by tag, for tags that differ."""
    kinds = {}
    for name in sorted({*before, *after}):
        if name not in after:
            kinds[name] = "lost"
        elif name not in before:
            kinds[name] = "added"
        elif before[name] != after[name]:
            kinds[name] = "changed"
    return kinds


def main() -> None:
    """Prints each tag that differs, with the number of files and one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path)
    parser.add_argument("results", type=Path)
    args = parser.parse_args()
    sources, results = tags_of(args.sources), tags_of(args.results)
    files: dict[tuple[str, str, str], list[str]] = {}
    for name in sorted(sources.keys() & results.keys()):
        for tag, kind in differences(sources[name], results[name]).items():
            files.setdefault((Path(name).suffix.lower(), kind, tag), []).append(name)
    print(f"{len(sources.keys() & results.keys())} files in both folders")
    for (suffix, kind, tag), names in sorted(files.items()):
        print(f"{suffix} {kind} {tag}: {len(names)}, such as {names[0]}")
    print(dict(Counter(kind for _, kind, _ in files)))


if __name__ == "__main__":
    main()
