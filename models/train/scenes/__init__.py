"""Scenes with plates in them: swapped into photographs, or rendered from nothing.

`view` is a small software renderer, `car` and `street` are what it shows, `swap` puts drawn
plates into photographs; `drive_by` and `fixtures` make the project's demo clip and test
pictures. How a flat plate looks is the business of `plates`, not of this package.
"""
