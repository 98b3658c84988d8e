"""The contestants: the bare application, this project, and other tools."""

from __future__ import annotations

from .bare import Bare
from .base import Contestant, Lines, written_records
from .coverage_per_request import CoveragePerRequest
from .coverage_run import CoverageRunCtrace, CoverageRunSysmon
from .events_alone import EventsAlone
from .flask_coverage_live import FlaskCoverageLive
from .keploy_trace import KeployTrace
from .livecov import LiveCov
from .slipcover_run import SlipCover

__all__ = ["CONTESTANTS", "Contestant", "Lines", "written_records"]

CONTESTANTS: dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (
        Bare(),
        LiveCov(),
        CoverageRunCtrace(),
        CoverageRunSysmon(),
        SlipCover(),
        CoveragePerRequest(),
        KeployTrace(),
        FlaskCoverageLive(),
        EventsAlone(),
    )
}
