from . import losses as losses
from .studies import load as load, run as run
