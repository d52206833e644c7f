"""The plate detector: network, data, training, measuring and export.

Run from `models/train` (`python -m detector.train --help`). What draws plates lives in
`plates`, what draws whole scenes in `scenes`; this package only learns to find them.
"""
