"""The dashboard: pages that show a run while it is recorded.

They are made in a process of their own (:mod:`.process`), which reads what the server's processes have written and runs
with low priority. The measured server only hands requests over to it (:mod:`.relay`), so an open dashboard costs the
application nothing, whatever it takes to count and compare. The modules that the server imports, :mod:`.routes` and
:mod:`.relay`, need nothing but the standard library and Werkzeug.
"""
