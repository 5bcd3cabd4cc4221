"""Incidents: what the safeguarding lead, or for staff the head, should look at, until it is closed."""
