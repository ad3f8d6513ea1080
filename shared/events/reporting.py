"""What the reporting service says."""

from typing import ClassVar

from shared.events.base import AuditRecorded


class ReportingAudited(AuditRecorded):
    type: ClassVar[str] = "reporting.audit.recorded.v1"
