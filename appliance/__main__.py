"""Lets `python -m appliance` be `hallpass`, for processes that start each other with the same interpreter."""

from appliance.entrance import main

main()
