"""The losses need no packages besides torch, numpy and numba."""

import subprocess
import sys

FORBIDDEN = ("scipy", "librosa", "mir_eval", "ray", "mlflow", "pandas", "pyarrow", "matplotlib", "jaxtyping")


def test_importing_the_losses_imports_only_what_they_need():
    code = (
        "import torch, numba, numpy, sys\n"
        "before = set(sys.modules)\n"
        "import softloc_core.losses\n"
        "print(' '.join(sorted({name.split('.')[0] for name in set(sys.modules) - before})))\n"
        f"assert not set(sys.modules) & set({FORBIDDEN!r}) - before, sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    added = {name for name in done.stdout.split() if name not in sys.stdlib_module_names}
    assert added <= {"softloc_core", "torch", "numba", "numpy", "llvmlite", "lazy_loader"}
