import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data():
    from tests.softloc_core.tiny_data import tiny_data

    return tiny_data()


@pytest.fixture
def config():
    from softloc_core.losses.schedules import Ramp
    from softloc_core.trial.run import TrialConfig
    from tests.softloc_core.tiny_data import TRAINING

    return TrialConfig(
        task="drums",
        data="rendered",
        split="only",
        fold=0,
        features="none",
        network="compact",
        loss="softloc",
        loss_options=(),
        measure="squared",
        softness_s=0.05,
        alpha=Ramp(low=0.2, high=0.9, start=0.2, stop=0.9),
        noise="normal",
        noise_options=(),
        label_noise_s=0.0,
        noise_draw=0,
        validation_labels="misaligned",
        excerpt_s=1.0,
        rate_variation=0.0,
        rate_centre=1.0,
        rate_share=1.0,
        stacking=0.0,
        initial_empty_prob=0.8,
        decoding="auto",
        decoding_options=(),
        ensemble_options=(),
        tolerance_s=0.05,
        seed=0,
        replicate=0,
        threads=1,
        **TRAINING,
    )
