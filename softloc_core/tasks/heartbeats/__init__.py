"""Heart beats in an ECG: the MIT-BIH Arrhythmia Database and rendered signals."""
