"""From an answer to the query log: records, their encoding, and the sender that hands them over."""
