"""Lesson plans: lists of links, checked for their time, asked for in one request, started as a lesson."""
