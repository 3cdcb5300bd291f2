"""Scoring long recordings in pieces, side by side in one batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ChunkedNetwork"]


class ChunkedNetwork(nn.Module):
    """A network that reads long recordings in overlapping pieces once it is trained.

    A recurrent network walks half an hour of signal one frame after the other; in pieces, side by side in a
    batch, it does so many times faster. Each piece is read with some frames of what lies on either side,
    whose output is thrown away. Training, and recordings no longer than a piece, are left as they are.

    The output of a frame follows from its piece alone, so for a recurrent network it differs slightly from
    that of a reading in one go; the frames on either side keep that small.
    """

    def __init__(self, network: nn.Module, *, chunk_frames: int, margin_frames: int) -> None:
        """Wrap a network.

        Args:
            network: Features [batch, frame, band] -> event logits [batch, channel, frame].
            chunk_frames: Frames of a piece, at least 1.
            margin_frames: Frames that are read besides, on either side, at least 0.
        """
        super().__init__()
        self.network = network
        self.chunk_frames = chunk_frames
        self.margin_frames = margin_frames

    def forward(self, features: Tensor) -> Tensor:
        """Event logits [batch, channel, frame] of features [batch, frame, band]."""
        n_frames = features.shape[1]
        if self.training or n_frames <= self.chunk_frames:
            logit: Tensor = self.network(features)
            return logit
        return torch.stack([self._one(recording) for recording in features])

    def _one(self, features: Tensor) -> Tensor:
        """Event logits [channel, frame] of one recording [frame, band]."""
        n_frames, margin = len(features), self.margin_frames
        n_pieces = math.ceil(n_frames / self.chunk_frames)
        missing = n_pieces * self.chunk_frames - n_frames
        # The first and last frames are repeated, as for recordings shorter than an excerpt.
        padded = functional.pad(features.T, (margin, missing + margin), mode="replicate")
        pieces = padded.unfold(1, self.chunk_frames + 2 * margin, self.chunk_frames).permute(1, 2, 0)
        logit: Tensor = self.network(pieces)[:, :, margin : margin + self.chunk_frames]
        return logit.transpose(0, 1).flatten(1)[:, :n_frames]
