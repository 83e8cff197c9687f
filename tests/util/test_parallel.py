"""Worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

JOBS = """
import os, sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
from wakeproof.util.parallel import map_jobs

if __name__ == "__main__":
    done = []
    assert map_jobs(abs, [-1, -2], done.append)
    print(sorted(done), os.environ.get("PYTHONSAFEPATH"))
"""


def test_a_worker_imports_nothing_from_the_working_folder(tmp_path: Path) -> None:
    for name in ("types.py", "pickle.py", "multiprocessing.py", "signal.py"):
        (tmp_path / name).write_text("open('ran', 'w').close()\nraise SystemExit(9)\n", "utf-8")
    program = tmp_path / "elsewhere" / "jobs.py"
    program.parent.mkdir()
    program.write_text(JOBS, encoding="utf-8")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[1, 2] None\n", done.stderr
    assert not (tmp_path / "ran").exists()
