"""The page on which people label pairs; knows records and files, no stage."""
