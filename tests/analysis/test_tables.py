"""Tables as text and LaTeX."""

import numpy as np
import pandas as pd

from analysis.tables import latex_table, text_table


def test_tables_show_missing_and_infinite_numbers():
    table = pd.DataFrame({"loss": ["a_b", "c"], "f1": [0.5, np.nan], "radius": [np.inf, 2.0]})
    assert text_table(table).splitlines() == [
        "loss     f1  radius",
        "a_b   0.500     inf",
        "c         -   2.000",
    ]
    assert latex_table(table).splitlines()[4:6] == [r"a\_b & 0.500 & inf \\", r"c & - & 2.000 \\"]
