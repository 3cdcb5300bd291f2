"""The weights of trials, which a study with `keep_weights: true` stores."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch
from torch import Tensor

from softloc_core.errors import UserError
from sweeps.storage.folder import StudyFolder
from sweeps.storage.schema import Row

__all__ = ["kept_weights", "load_weights", "weights_file", "weights_name"]


def weights_name(trial_id: str) -> str:
    """Return the name of a trial's weights in its study's folder."""
    return f"weights/{trial_id}.pt"


def weights_file(weights: Mapping[str, Tensor]) -> bytes:
    """Return weights as the content of a file."""
    sink = io.BytesIO()
    torch.save(dict(weights), sink)
    return sink.getvalue()


def kept_weights(folder: StudyFolder, row: Row) -> dict[str, bytes]:
    """Return the weights file of a trial by name; empty if the trial did not complete or has none stored.

    Args:
        folder: The folder of a study that stores weights.
        row: The trial's row of `trials`.
    """
    if row["status"] != "completed":
        return {}
    content = folder.read(weights_name(str(row["trial_id"])))
    return {} if content is None else {"weights.pt": content}


def load_weights(study: str, trial_id: str) -> dict[str, Tensor]:
    """Load the weights of a trial, for `load_state_dict` of the network in its configuration.

    Args:
        study: The study's folder, or an address that pyarrow opens.
        trial_id: The trial's identity, as in the column of `trials`.

    Returns:
        Tensors by name, on the CPU. Only tensors are read (`weights_only=True`).

    Raises:
        UserError: The study stored no weights of that trial, or the file cannot be read.
    """
    folder = StudyFolder(study)
    content = folder.read(weights_name(trial_id))
    if content is None:
        raise UserError(
            f"a study must hold {weights_name(trial_id)}, but {study} does not: only trials that completed "
            "under `keep_weights: true` have stored weights"
        )
    try:
        weights: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"{folder.path(weights_name(trial_id))} must hold weights, but it cannot be read"
        ) from error
    return weights
