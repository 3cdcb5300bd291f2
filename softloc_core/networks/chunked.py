"""Inference on long recordings in chunks that form a batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ChunkedNetwork"]


class ChunkedNetwork(nn.Module):
    """A network that processes long recordings in overlapping chunks at inference time.

    A recurrent network processes half an hour of signal one frame after another. Split into chunks that form
    a batch, this is many times faster. Each chunk is extended by a margin of neighbouring frames on either
    side, whose output is discarded. Training, and recordings no longer than a chunk, are not affected.

    The output of a frame depends on its chunk only. For a recurrent network it therefore differs slightly
    from the output on the whole recording; the margins keep the difference small.
    """

    def __init__(self, network: nn.Module, *, chunk_frames: int, margin_frames: int) -> None:
        """Wrap a network.

        Args:
            network: Features [batch, frame, band] -> event logits [batch, channel, frame].
            chunk_frames: Number of frames of a chunk, >= 1.
            margin_frames: Number of additional frames on either side, >= 0.
        """
        super().__init__()
        self.network = network
        self.chunk_frames = chunk_frames
        self.margin_frames = margin_frames

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        n_frames = features.shape[1]
        if self.training or n_frames <= self.chunk_frames:
            logit: Tensor = self.network(features)
            return logit
        return torch.stack([self._one(recording) for recording in features])

    def _one(self, features: Tensor) -> Tensor:
        """Return event logits [channel, frame] of one recording [frame, band]."""
        n_frames, margin = len(features), self.margin_frames
        n_chunks = math.ceil(n_frames / self.chunk_frames)
        missing = n_chunks * self.chunk_frames - n_frames
        # Repeat the first and last frames, as for recordings shorter than an excerpt.
        padded = functional.pad(features.T, (margin, missing + margin), mode="replicate")
        chunks = padded.unfold(1, self.chunk_frames + 2 * margin, self.chunk_frames).permute(1, 2, 0)
        logit: Tensor = self.network(chunks)[:, :, margin : margin + self.chunk_frames]
        return logit.transpose(0, 1).flatten(1)[:, :n_frames]
