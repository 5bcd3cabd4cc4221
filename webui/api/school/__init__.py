"""What a school's own scripts call, a file for each few features: views that ask services.

`webui.api.script_views` opens the session, and makes the answer of the operation's type. Whoever acts is the
script, with the name of its maker; what its maker could not do, it cannot either.
"""
