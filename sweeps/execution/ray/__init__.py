"""Ray's session, environment, node load and the repairs that Tune needs."""
