"""SwingNet: MobileNetV2 on each frame and an LSTM over time; its head alone, for precomputed features."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from softloc_core.errors import ConfigError, DataError
from softloc_core.networks.layers import event_output
from softloc_core.networks.mobilenet_v2 import N_FEATURES, MobileNetV2Features, load_trunk_weights

__all__ = ["SwingNet", "SwingNetHead"]

_HIDDEN = 256
FRAME_SHAPE = (3, 160, 160)
"""Channels, height and width of SwingNet's frames."""


class SwingNetHead(nn.Module):
    """An LSTM of 256 units over the features of frames, and a linear output.

    Source: SwingNet (McNally et al., "GolfDB: a video database for golf swing sequencing", CVPR workshops
    2019) as in the SoftLoc paper's golf experiment (ICML UDL workshop 2020, section 4.1).

    Deliberate differences: There is one logit per event and none for "no event", which the soft losses ignore
    and a binary cross entropy does not need. The output bias is eq. 15 of the LoCo paper.
    """

    def __init__(
        self, *, n_bands: int, n_channels: int, initial_logit: float, bidirectional: bool = True
    ) -> None:
        """Create the layers and draw their weights.

        Args:
            n_bands: Number of features per frame; 1280 for SwingNet's trunk.
            n_channels: Number of event classes.
            initial_logit: Bias of the output layer.
            bidirectional: Whether the LSTM is bidirectional; otherwise the network is causal.
        """
        super().__init__()
        self.rnn = nn.LSTM(n_bands, _HIDDEN, batch_first=True, bidirectional=bidirectional)
        n_hidden = 2 * _HIDDEN if bidirectional else _HIDDEN
        self.output = event_output(n_hidden, n_channels, initial_logit=initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of features [batch, frame, band]."""
        sequence, _ = self.rnn(features)
        logit: Tensor = self.output(sequence)
        return logit.transpose(1, 2)


class SwingNet(nn.Module):
    """A network for video: MobileNetV2, its features averaged over the pixels of each frame, SwingNet's head.

    Frames are normalised as for ImageNet: (RGB / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225). The
    first blocks of the trunk are frozen. Their weights do not change, but in training mode their batch norm
    still updates its statistics, as in the released code.

    Source: SwingNet (McNally et al. 2019) as in the SoftLoc paper's golf experiment: width 1, 10 of 19
    blocks frozen, no dropout. With nine outputs it has 5.38 million weights. Deliberate differences: see
    `SwingNetHead`.
    """

    def __init__(
        self,
        *,
        n_channels: int,
        initial_logit: float,
        trunk_weights: str | Path | None = None,
        frozen_blocks: int = 10,
        bidirectional: bool = True,
    ) -> None:
        """Create the layers, and load or draw their weights.

        Args:
            n_channels: Number of event classes.
            initial_logit: Bias of the output layer.
            trunk_weights: Path of MobileNetV2's weights, see `load_trunk_weights`; None draws random weights.
            frozen_blocks: Number of the trunk's first blocks that are not trained, 0 to 19.
            bidirectional: Whether the LSTM is bidirectional.

        Raises:
            ConfigError: The number of frozen blocks is out of range.
            DataError: The weights cannot be used.
        """
        super().__init__()
        self.trunk = MobileNetV2Features()
        if not 0 <= frozen_blocks <= len(self.trunk):
            raise ConfigError(f"`frozen_blocks` must be 0 to {len(self.trunk)}, but got {frozen_blocks}")
        if trunk_weights is not None:
            load_trunk_weights(self.trunk, trunk_weights)
        for block in list(self.trunk)[:frozen_blocks]:
            block.requires_grad_(False)
        self.head = SwingNetHead(
            n_bands=N_FEATURES,
            n_channels=n_channels,
            initial_logit=initial_logit,
            bidirectional=bidirectional,
        )

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return the trunk's features, [batch, frame, 3, height, width] -> [batch, frame, 1280].

        Raises:
            DataError: The number of axes or of colour channels is wrong.
        """
        if frames.ndim != 5 or frames.shape[2] != FRAME_SHAPE[0]:
            raise DataError(
                f"frames must have shape [batch, frame, 3, height, width], but got {list(frames.shape)}"
            )
        n_recordings, n_frames = frames.shape[:2]
        features: Tensor = self.trunk(frames.flatten(0, 1)).mean(dim=(2, 3))
        return features.reshape(n_recordings, n_frames, N_FEATURES)

    def forward(self, frames: Tensor) -> Tensor:
        """Return event logits [batch, channel, frame] of frames [batch, frame, 3, 160, 160]."""
        logit: Tensor = self.head(self.frame_features(frames))
        return logit
