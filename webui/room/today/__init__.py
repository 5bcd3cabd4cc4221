"""The page of today: what was refused, requests, reports."""
