"""Audits, plans, evidence and judgement as pure functions: no I/O, no clock, no database."""
