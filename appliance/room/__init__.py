"""A room: recorder, agent, state, health, and the composition of the resolver."""
