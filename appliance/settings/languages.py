"""The languages that pages are in, as settings name them (BCP 47). What each is called stands with the pages."""

from typing import Literal

PageLanguage = Literal["", "en", "cy", "ar"]  # "": what the browser asks for
