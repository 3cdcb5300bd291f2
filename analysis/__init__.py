"""Analysis of stored studies: regression surfaces, comparisons, recommendations, figures and reports.

`plot_map` returns a map as a matplotlib figure, `comparison_text` and `recommendation_text` return answers as
text, and `fit_surface` fits any three columns of numbers.

Examples:
    >>> from analysis import compare_losses, load_results, map_study, recommend  # doctest: +SKIP
    >>> study = load_results("runs/quickstart")  # doctest: +SKIP
    >>> map_study(study, estimator="auto").table()  # doctest: +SKIP
    >>> compare_losses(study).summary  # doctest: +SKIP
    >>> recommend(study, label_noise_s=0.06).table()  # doctest: +SKIP
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
