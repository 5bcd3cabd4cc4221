"""DNS messages: names, headers, records, EDNS, SVCB, cookies; reading them, and building responses."""
