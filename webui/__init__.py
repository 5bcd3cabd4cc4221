"""Pages: `room` for teachers, `central` for the coordinator, `api` for the rooms' machine interface."""
