"""The reporting service, put together."""

from services.reporting.consumers import subscriptions
from services.reporting.routes import router
from services.reporting.settings import ReportingSettings
from shared.service import Service

service = Service(name="reporting", settings=ReportingSettings, routers=(router,), subscriptions=subscriptions)
