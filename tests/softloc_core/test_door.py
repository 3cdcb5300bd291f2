"""What `import softloc_core` offers, and what it does not load."""

import subprocess
import sys

import pytest

import softloc_core
from softloc_core import trial


def test_the_package_exports_the_trial():
    assert softloc_core.run_trial is trial.run_trial
    assert softloc_core.TrialConfig is trial.TrialConfig
    assert softloc_core.TrialResult is trial.TrialResult
    assert {"TrialConfig", "TrialResult", "run_trial"} <= set(dir(softloc_core))
    assert softloc_core.__version__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        softloc_core.no_such_name  # noqa: B018


def test_importing_the_package_loads_no_task_and_no_torch():
    code = "import sys, softloc_core; assert not {'torch', 'softloc_core.tasks'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
