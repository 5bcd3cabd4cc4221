"""A source of a policy that never changes (`dns.worker_config.PolicySource`)."""

from dns.policy.verdict import Policy


class StaticPolicySource:
    """Always the same policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def current(self) -> Policy:
        return self._policy

    def has_changed(self) -> bool:
        return False

    def is_touched(self) -> bool:
        return False

    def load(self) -> Policy:
        return self._policy

    def is_whole(self) -> bool:
        return True
