"""The control routes: access rules, parameters, responses, and the server's graceful shutdown.

May import: middleware, queries, exports, store, keploy's formats, and what lies below. Runs in the measured server.
"""
