"""The school's own rules, and the page on which delegations stand beside them."""
