"""Piano onsets: MAPS, MAESTRO and rendered piano."""
