"""What every task needs: the contract, data sources, splits, folders, annotation files and checks."""
