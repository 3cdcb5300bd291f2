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
    from tests.softloc_core.tiny_data import CONFIG

    return CONFIG
