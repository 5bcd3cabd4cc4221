"""Pages: `room` for teachers, `coordinator` for central, `api` for the rooms' machine interface."""
