"""Asking models: requests, replies, limits, retries, the ledger, batch jobs and money.

Every stage that asks a model goes through here. This package knows replies, not judgements.
"""
