"""Initial foot contacts in inertial signals: Mobilise-D recordings and rendered walking."""
