from .answers import (
    Comparison as Comparison,
    Recommendation as Recommendation,
    StudyMap as StudyMap,
    compare_losses as compare_losses,
    map_study as map_study,
    recommend as recommend,
)
from .errors import AnalysisError as AnalysisError
from .figures import plot_map as plot_map
from .reading import StoredStudy as StoredStudy, View as View, load_results as load_results
from .regression import Surface as Surface, fit_surface as fit_surface
from .text import comparison_text as comparison_text, recommendation_text as recommendation_text
