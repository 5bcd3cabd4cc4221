"""Certificates for rooms' pages, handed in once for all of them."""
