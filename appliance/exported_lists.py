"""How signed lists stand in a folder that a web server or a USB stick holds; central writes it, rooms read it.

    FOLDER/signatures/NAME        the metadata of The Update Framework, by the names that central serves it under
    FOLDER/indexes/HASH/FILE      the published index, and the overlays that lead to it

Nothing in it is secret, and nothing in it is believed for where it was found.
"""

SIGNATURES_FOLDER, INDEXES_FOLDER = "signatures", "indexes"
