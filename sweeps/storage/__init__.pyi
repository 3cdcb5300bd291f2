from .checkpoints import Checkpoints as Checkpoints, Origin as Origin, pack as pack, unpack as unpack
from .counts import StoredCounts as StoredCounts, stored_counts as stored_counts
from .definition import (
    STUDY_FILE as STUDY_FILE,
    StoredDefinition as StoredDefinition,
    copy_definition as copy_definition,
    read_definition as read_definition,
    require_definition as require_definition,
    write_definition as write_definition,
)
from .environment import (
    environment_at as environment_at,
    read_environments as read_environments,
    remember_environment as remember_environment,
)
from .export import export_study as export_study
from .folder import StudyFolder as StudyFolder, inside as inside
from .lock import study_lock as study_lock
from .log import driver_log as driver_log
from .probabilities import (
    probabilities_are_small as probabilities_are_small,
    stored_predictions as stored_predictions,
)
from .provenance import (
    Provenance as Provenance,
    processor_name as processor_name,
    source_code as source_code,
    source_provenance as source_provenance,
)
from .records import (
    Reached as Reached,
    TrialRecord as TrialRecord,
    completed_record as completed_record,
    failed_record as failed_record,
    not_finite as not_finite,
    scored_columns as scored_columns,
    stored_config as stored_config,
    tables_of as tables_of,
)
from .schema import TABLES as TABLES, Row as Row, columns_markdown as columns_markdown
from .store import StoredTrial as StoredTrial, TrialStore as TrialStore, write_tables as write_tables
from .weights import (
    kept_weights as kept_weights,
    load_weights as load_weights,
    weights_file as weights_file,
    weights_name as weights_name,
)
