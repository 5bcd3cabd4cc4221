"""The school's lesson plans, which come with the policy to every room. Whoever wants another makes their own."""

from appliance.errors import HallpassError
from appliance.room.lesson_plans import LessonPlan
from webui.room.room_client import RoomClient

SCHOOL = ""  # the owner of a plan of the school's: no user name is empty


def list_school_plans(room: RoomClient) -> tuple[LessonPlan, ...]:
    """Return the school's plans, in its order; none while what the school has set cannot be read."""
    try:
        plans = room.policy.load_if_changed().document.school_plans
    except HallpassError:
        return ()
    return tuple(
        LessonPlan(id=one.id, owner=SCHOOL, title=one.title, links=one.links, minutes=one.minutes) for one in plans
    )
