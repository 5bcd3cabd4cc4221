"""What central says of the accounts that signed in in this room, as the agent leaves it for the pages.

A card is removable, so a list of all the school's accounts does not lie on it: only those that signed in here are
kept, and only as long as a session or a kept sign-in of theirs could be about (docs/room.md).
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.files import read_regular_file
from appliance.protocol import Account, AccountState
from appliance.rights import may_teach
from appliance.sessions import is_older_than_account
from appliance.spare_file import replace_with_spare
from dns.errors import DECODING_FAILED

MODE = 0o640  # the pages read it


class AccountStates(msgspec.Struct, frozen=True):
    """The content of the file."""

    digest: str = ""  # as central tells it in its feed; of all accounts, not only of those here
    accounts: tuple[AccountState, ...] = ()

    def find(self, username: str) -> AccountState | None:
        """Return what is known of an account."""
        return next((one for one in self.accounts if one.username == username), None)


def read_account_states(path: Path) -> AccountStates:
    """Return what the file says; nothing where it is missing or damaged, so that it is fetched again."""
    try:
        found = msgspec.json.decode(read_regular_file(path), type=AccountStates | tuple[AccountState, ...])
    except (OSError, *DECODING_FAILED):
        return AccountStates()
    return found if isinstance(found, AccountStates) else AccountStates(accounts=found)


def write_account_states(
    path: Path, states: Iterable[AccountState], digest: str, signed_in_here: Collection[str]
) -> None:
    """Write what is to be kept of what central says. Raises OSError, and then the file is as it was."""
    before = {one.username for one in read_account_states(path).accounts}
    kept = tuple(one for one in states if one.username in before or one.username in signed_in_here)
    replace_with_spare(path, msgspec.json.encode(AccountStates(digest, kept)), mode=MODE)


def is_account_over(account: Account, said: AccountState, now: datetime) -> bool:
    """Tell whether an account, as it was when somebody signed in, is worth nothing any more in this room."""
    return (
        is_older_than_account(account.valid_after, said.valid_after)
        or (said.ends is not None and said.ends <= now)
        or not may_teach(said.role)
    )
