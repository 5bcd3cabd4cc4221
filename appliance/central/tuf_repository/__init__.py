"""Central's side of The Update Framework: what rooms take into use is signed (see docs/adr/0022)."""
