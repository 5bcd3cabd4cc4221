"""The words of central's navigation (`webui.central.start`), marked for the catalogues."""

from webui.shared.translation import translatable

NAVIGATION_WORDS = (
    translatable("Requests"),
    translatable("Home"),
    translatable("Incidents"),
    translatable("Staff incidents"),
    translatable("Rules"),
    translatable("Profiles"),
    translatable("Timetables"),
    translatable("Delegation"),
    translatable("School"),
    translatable("Lists"),
    translatable("Devices"),
    translatable("Rooms"),
    translatable("Reports"),
    translatable("People"),
    translatable("Audit"),
)
