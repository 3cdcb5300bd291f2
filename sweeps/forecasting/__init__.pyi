from .report import PlanOptions as PlanOptions, plan_study as plan_study
