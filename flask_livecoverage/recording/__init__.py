"""The write side: one recorder for each process, the request under way, traces, and what follows a request's work.

May import: engines, the writing half of journal, and what lies below; never a reader, a store or an export. Runs in the
measured server alone, and a measured server that is not asked anything runs nothing above it but the middleware.
"""
