"""Where a room keeps its things, and which process writes each of them. Readers only read."""

from pathlib import Path

import msgspec

from appliance.settings.room import RoomSettings


class RoomPaths(msgspec.Struct, frozen=True):
    """The files and sockets of one room."""

    data: Path
    sockets: Path

    @classmethod
    def from_settings(cls, settings: RoomSettings) -> "RoomPaths":
        """Return the paths that a room's settings give it."""
        return cls(settings.room.data, settings.room.sockets)

    @property
    def policy(self) -> Path:
        """The policy document as central sent it. Written by the agent, whole, by renaming."""
        return self.data / "policy.json"

    @property
    def policy_digest(self) -> Path:
        """The hash of the policy, and of the one before it. Written by the agent, before the policy."""
        return self.data / "policy.sha256"

    @property
    def last_good_policy(self) -> Path:
        """The policy that could be used last (`appliance.room.policy_file`). Written and read by the resolver."""
        return self.data / "resolver" / "policy.last-good"

    @property
    def index(self) -> Path:
        """A symbolic link to the index in use. Renamed into place by the agent."""
        return self.data / "index"

    @property
    def indexes(self) -> Path:
        """The indexes that were fetched, each named by its hash. Written by the agent."""
        return self.data / "indexes"

    @property
    def confirmed_index(self) -> Path:
        """Which index central named last, and when (`appliance.room.index_age`). Written by the agent."""
        return self.data / "index.confirmed"

    @property
    def query_log(self) -> Path:
        """The query log. Written by the recorder."""
        return self.data / "log.db"

    @property
    def blocked_tunnels(self) -> Path:
        """Domains closed because they looked like tunnels (`appliance.room.blocked_tunnels`).

        Written by the recorder.
        """
        return self.data / "tunnels.json"

    @property
    def local_overrides(self) -> Path:
        """What the room itself has decided (`appliance.room.local_overrides`).

        Written by the agent, whole, by renaming.
        """
        return self.data / "own.json"

    @property
    def clock_difference(self) -> Path:
        """How far central's clock is ahead of the room's (`appliance.room.clock_difference`).

        Written by the agent.
        """
        return self.data / "clock.json"

    @property
    def sign_in_offer(self) -> Path:
        """Where teachers sign in at central (`appliance.room.sign_in_offer`). Written by the agent."""
        return self.data / "sign-in.json"

    @property
    def button_pause(self) -> Path:
        """The pause that the room's button began (`appliance.room.button_pause`). Written by the recorder."""
        return self.data / "pause.json"

    @property
    def query_log_journal(self) -> Path:
        """What was received for the query log and does not stand in it yet. Written by the recorder."""
        return self.data / "log.spool"

    @property
    def query_log_control_socket(self) -> Path:
        """Where the query log's one writer is asked for what readers cannot do. Served by the recorder."""
        return self.sockets / "log.sock"

    @property
    def agent_store(self) -> Path:
        """What the agent must remember: requests under way, known accounts. Written by the agent."""
        return self.data / "state.db"

    @property
    def identity(self) -> Path:
        """The room's own key and certificate (`appliance.room.agent.room_identity`). The agent's alone."""
        return self.data / "identity"

    @property
    def page_certificate(self) -> Path:
        """The certificate of central's for the pages (`appliance.room.page_certificate`).

        Written by the agent, whole, by renaming.
        """
        return self.data / "pages.pem"

    @property
    def page_key(self) -> Path:
        """A folder: the key for which central is asked to sign a certificate for the pages. The agent's alone."""
        return self.data / "page-key"

    @property
    def account_states(self) -> Path:
        """What central says of accounts that signed in here (`appliance.room.account_states`).

        Written by the agent, whole, by renaming.
        """
        return self.data / "accounts.json"

    @property
    def sessions(self) -> Path:
        """Who is signed in to the pages (`appliance.room.web_sessions`). Written and read by the pages alone."""
        return self.data / "web" / "sessions.db"

    @property
    def query_log_socket(self) -> Path:
        """Where workers hand in their records (`dns.querylog.records`). Served by the recorder."""
        return self.sockets / "recorder.sock"

    @property
    def live_feed_socket(self) -> Path:
        """Where refusals can be followed as they happen, one line of JSON each. Served by the recorder."""
        return self.sockets / "live.sock"

    @property
    def agent_socket(self) -> Path:
        """Where the pages ask the agent. Served by the agent."""
        return self.sockets / "agent.sock"

    @property
    def simulated_lamp(self) -> Path:
        """What the simulated lamp shows: "on REASON" or "off". Written by the recorder."""
        return self.sockets / "lamp"

    @property
    def power_off_request(self) -> Path:
        """Appears when the button was held for long: the machine is to be shut down. Made by the recorder."""
        return self.sockets / "power-off"

    @property
    def health_folder(self) -> Path:
        """A folder in which each process says how it is (`appliance.room.health`)."""
        return self.sockets / "health"
