"""docs/columns.md is what the schema says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_columns_is_up_to_date() -> None:
    code = "import runpy; print(runpy.run_path('docs/scripts/write_columns.py')['page'](), end='')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    message = "run: python docs/scripts/write_columns.py"
    assert (ROOT / "docs" / "columns.md").read_text() == done.stdout, message
