"""Settings: TOML files, validated whole, into frozen values."""
