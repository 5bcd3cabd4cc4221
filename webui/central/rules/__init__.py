"""The school's own rules, and the page on which profiles and delegations stand beside them."""
