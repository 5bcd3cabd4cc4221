"""The first start, a page for each step: left after any, and done where it is so."""

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import accounts, card_secrets, enrolment, first_start, room_life
from appliance.central.errors import CentralError
from appliance.central.first_start import FirstStart, Step
from appliance.central.lists import set_subscription
from appliance.central.room_names import normalize_room_name
from appliance.central.sessions import renew_session
from appliance.rights import ROLE_WORDS, Right, Role
from blocklists.catalogue import load_catalogue
from webui.central.accounts.made_links import forget_link, list_shown_links, remember_link
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.first_start.forms import InviteForm, ListsForm, RoomForm
from webui.central.first_start.qr_code import draw_qr_code
from webui.central.form_helpers import require_valid
from webui.central.timetables.timetable_form import DAYS
from webui.shared.access import requires
from webui.shared.auth import current_session_id, current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translatable

Page = str | tuple[str, int]

STEP_WORDS: dict[Step, tuple[str, str]] = {
    "school": (translatable("The school"), translatable("What it is called, its clock and its week.")),
    "people": (
        translatable("The people"),
        translatable("Who looks after pupils, who leads, who governs, who looks after the machines."),
    ),
    "lists": (translatable("The lists"), translatable("What is closed, by a ready-made set in one press.")),
    "room": (
        translatable("The first room"),
        translatable("Its name, the file for its card, and what to do with it."),
    ),
}
STEP_PAGES: dict[Step, str] = {step: f"first_start.show_{step}" for step in STEP_WORDS}
WHAT_FOR: dict[Role, str] = {
    "safeguarding": translatable("Sees what pupils should be helped with: nobody else does."),
    "leadership": translatable("Answers for the filter, and reads its figures."),
    "governor": translatable("Reads figures without names, once a term."),
    "technician": translatable("Makes the cards and sees how the rooms are; never what anybody looked at."),
}

blueprint = create_feature_blueprint("first_start", __name__, home="first_start.show")


@blueprint.get("/first-start")
@requires(Right.SET_UP_SCHOOL)
def show() -> str:
    """Show the steps, and which are done."""
    return _render("overview")


@blueprint.get("/first-start/school")
@requires(Right.SET_UP_SCHOOL)
def show_school() -> str:
    """Show what the school is called, its clock and its week."""
    return _school_page()


@blueprint.post("/first-start/school")
@requires(Right.SET_UP_SCHOOL)
def confirm_school() -> Page | Redirect:
    """Keep the week, and that all of it is right."""
    week = request.form.getlist("days")
    try:
        with central().store.write_session() as database:
            first_start.confirm_school(database, central().now(), week=week, by=current_username())
    except CentralError as problem:
        return _school_page(week, str(problem)), 422
    return redirect(url_for("first_start.show_people"))


@blueprint.get("/first-start/people")
@requires(Right.SET_UP_SCHOOL)
def show_people() -> str:
    """Show who has which role, and who is still to be named."""
    return _people_page()


@blueprint.post("/first-start/people/<role>/invite")
@requires(Right.SET_UP_SCHOOL)
def invite(role: str) -> Page | Redirect:
    """Add somebody with a role; the page then shows the link for them."""
    form = InviteForm()
    try:
        require_valid(form)
        with central().store.write_session() as database:
            made = first_start.invite(
                database, central().now(), role=role, name=form.name.data, username=form.username.data or "",
                by=current_username(),
            )  # fmt: skip
    except CentralError as problem:
        return _people_page(role, form, str(problem)), 422
    remember_link(made.link, made.username)
    return redirect(url_for("first_start.show_people"))


@blueprint.post("/first-start/people/<role>/give")
@requires(Right.SET_UP_SCHOOL)
def give_role(role: str) -> Page | Redirect:
    """Give somebody who has an account a role as well. Whoever gives themselves one stays signed in."""
    username = request.form.get("username", "")
    try:
        with central().store.write_session() as database:
            first_start.give_role(database, central().now(), role=role, username=username, by=current_username())
            if username == current_username():
                renew_session(database, current_session_id())
    except CentralError as problem:
        return _people_page(role, None, str(problem)), 422
    return redirect(url_for("first_start.show_people"))


@blueprint.post("/first-start/people/<role>/later")
@requires(Right.SET_UP_SCHOOL)
def put_off_role(role: str) -> Redirect:
    """Leave a role for later."""
    with central().store.write_session() as database:
        first_start.put_off_role(database, central().now(), role=role, by=current_username())
    return redirect(url_for("first_start.show_people"))


@blueprint.post("/first-start/people/<role>/now")
@requires(Right.SET_UP_SCHOOL)
def take_up_role(role: str) -> Redirect:
    """Ask again for a role that was left for later."""
    with central().store.write_session() as database:
        first_start.take_up_role(database, role=role)
    return redirect(url_for("first_start.show_people"))


@blueprint.post("/first-start/people/links/<handle>/given")
@requires(Right.SET_UP_SCHOOL)
def stop_showing_link(handle: str) -> Redirect:
    """Show a link no more: it was given to whom it is for."""
    forget_link(handle)
    return redirect(url_for("first_start.show_people"))


@blueprint.get("/first-start/lists")
@requires(Right.SET_UP_SCHOOL)
def show_lists() -> str:
    """Show the ready-made sets."""
    return _render("lists", "lists", sets=load_catalogue().sets, publisher=central().publisher.state)


@blueprint.post("/first-start/lists")
@requires(Right.SET_UP_SCHOOL)
def use_set() -> Redirect:
    """Subscribe to a ready-made set; pressed twice it does nothing more."""
    chosen = load_catalogue().find_set(require_valid(ListsForm()).set.data)
    with central().store.write_session() as database:
        set_subscription.subscribe_set(database, central().now(), chosen=chosen, by=current_username())
    central().publisher.request_build()
    words = gettext(
        "The set “%(set)s” is chosen. Its lists are fetched now; rooms take them by themselves.",
        set=translate_reason(chosen.name),
    )
    flash(words)
    return redirect(url_for("first_start.show_room"))


@blueprint.get("/first-start/room")
@requires(Right.SET_UP_SCHOOL)
def show_room() -> str:
    """Show the first room, or ask for its name."""
    return _room_page(RoomForm(formdata=None))


@blueprint.post("/first-start/room")
@requires(Right.SET_UP_SCHOOL)
def enrol_room() -> Page | Redirect:
    """Enrol the first room; the page then shows its file. Pressed twice it makes no second card."""
    form = RoomForm()
    try:
        require_valid(form)
        with central().store.write_session() as database:
            _enrol_once(database, form.name.data)
    except CentralError as problem:
        return _room_page(form, str(problem)), 422
    return redirect(url_for("first_start.show_room"))


@blueprint.post("/first-start/room/<int:room_id>/saved")
@requires(Right.SET_UP_SCHOOL)
def confirm_file(room_id: int) -> Redirect:
    """Forget the file of a card: it is saved."""
    with central().store.write_session() as database:
        card_secrets.forget_secrets(database, central().now(), room_id)
    flash(gettext("The file is not shown again. If it gets lost, the room's own page makes a new one."))
    return redirect(url_for("first_start.show_room"))


@blueprint.get("/first-start/done")
@requires(Right.SET_UP_SCHOOL)
def show_done() -> str:
    """Say what is done, and what is still open."""
    return _render("done", "done")


@blueprint.post("/first-start/put-away")
@requires(Right.SET_UP_SCHOOL)
def put_away() -> Redirect:
    """Have Home offer it no more."""
    with central().store.write_session() as database:
        first_start.put_away(database, central().now(), by=current_username())
    flash_with_undo(gettext("Home does not offer the first start any more."), url_for("first_start.bring_back"))
    return redirect(url_for("home.show"))


@blueprint.post("/first-start/bring-back")
@requires(Right.SET_UP_SCHOOL)
def bring_back() -> Redirect:
    """Have Home offer it again."""
    with central().store.write_session() as database:
        first_start.bring_back(database)
    return redirect(url_for("home.show"))


def _school_page(week: list[str] | None = None, mistake: str = "") -> str:
    local_time = school_clock().local(central().now())
    return _render("school", "school", days=DAYS, week=week, local_time=local_time, mistake=mistake)


def _people_page(role: str = "", form: InviteForm | None = None, mistake: str = "") -> str:
    """Show the people; with a mistake, the form of its role as it was sent."""
    now = central().now()
    with central().store.read_session() as database:
        people = [one for one in accounts.list_accounts(database) if not accounts.has_ended(one, now)]
        links = list_shown_links(database, now)
    return _render(
        "people",
        "people",
        role_words=ROLE_WORDS,
        what_for=WHAT_FOR,
        people=people,
        links=links,
        sent_role=role,
        forms={one: form if form and one == role else InviteForm(formdata=None) for one in WHAT_FOR},
        mistake=mistake,
    )


def _room_page(form: RoomForm, mistake: str = "") -> str:
    now = central().now()
    with central().store.read_session() as database:
        waiting = card_secrets.list_secrets(database, central().keys, now)
    base = central().settings.central.url.rstrip("/") or request.url_root.rstrip("/")
    paths = {one.room_id: url_for("room_cards.download", room_id=one.room_id) for one in waiting}
    codes = {room_id: draw_qr_code(base + path) for room_id, path in paths.items()}
    missing = enrolment.describe_missing_setting(central().settings)
    return _render("room", "room", form=form, waiting=waiting, codes=codes, missing=missing, mistake=mistake)


def _enrol_once(database: Session, typed: str) -> None:
    room = room_life.find_room(database, normalize_room_name(typed))
    if room is None or room.state != room_life.ENROLLED:
        card_secrets.give_card(database, central().keys, central().now(), name=typed, by=current_username())


def _render(page: str, step: str = "", **values: object) -> str:
    with central().store.read_session() as database:
        start: FirstStart = first_start.read_first_start(database, central().now())
    return render_template(
        f"first_start/{page}.html", start=start, steps=STEP_WORDS, step=step, pages=STEP_PAGES, **values
    )
