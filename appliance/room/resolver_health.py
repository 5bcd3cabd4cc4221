"""How a worker of the resolver is, written down for the agent, the lamp and the doctor."""

import time
from collections.abc import Callable
from pathlib import Path

from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.policy_source import RoomPolicySource
from appliance.room.resolver_metrics import worker_samples
from dns.forward.health import UpstreamState
from dns.worker_config import WorkerStatus


def make_health_writer(
    number: int, folder: Path, policy_source: RoomPolicySource, starts: int | None = None
) -> Callable[[WorkerStatus], None]:
    """Return what writes down how a worker is; `starts`: of it so far, None where nobody reads figures."""

    def write_status(status: WorkerStatus) -> None:
        policy_conditions = policy_source.conditions
        conditions = list(policy_conditions)
        details = {"policy": str(status.policy_version), "unconfirmed": str(status.unconfirmed_records)}
        if status.upstreams_down_since is not None:
            conditions.append(Condition.UPSTREAM_DOWN)
            since = time.strftime("%H:%M", time.localtime(status.upstreams_down_since))
            details["upstreams"] = f"no upstream has answered well since {since}"
        elif any(state.down_since for state in status.upstream_states):
            conditions.append(Condition.UPSTREAM_FAILING)
        details |= {
            f"upstream {state.server}": _describe_upstream(state)
            for state in status.upstream_states
            if state.down_since
        }
        if status.certificate_problem:
            conditions.append(Condition.ENCRYPTED_DNS)
            details[Condition.ENCRYPTED_DNS.value] = status.certificate_problem
        details |= {condition.value: words for condition, words in policy_conditions.items()}
        if status.policy_problem:
            details["policy-problem"] = status.policy_problem
        policy, now = policy_source.current(), time.time()
        if entries := policy.too_wide:
            details["policy-too-wide"] = "; ".join(entries)
        health.write_health(
            folder,
            ProcessHealth(
                process=f"resolver-{number}",
                time=now,
                conditions=tuple(conditions),
                details=details,
                samples=()
                if starts is None
                else worker_samples(
                    number, status, policy, starts=starts, index_entries=policy_source.index_size, now=now
                ),
            ),
        )

    return write_status


def _describe_upstream(state: UpstreamState) -> str:
    """Say what is wrong with an upstream that is down."""
    since = time.strftime("%H:%M", time.localtime(state.down_since))
    if state.failure:
        return f"{state.failure} since {since}"
    return f"has not answered since {since}" + (f" ({state.trouble})" if state.trouble else "")
