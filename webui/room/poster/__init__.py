"""The poster of a room: its rules, the monitoring notice, and where pupils find help."""
