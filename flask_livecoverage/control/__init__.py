"""The control routes: who may use them, their parameters, what they answer, and the server's graceful end.

May import: middleware, queries, exports, store, keploy's formats, and what lies below. Runs in the measured server.
"""
