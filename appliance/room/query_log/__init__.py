"""The recorder: the only writer of the query log, the lamp's hand, and the source of the live page."""
