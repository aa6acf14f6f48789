"""All that the surface asks for, in one object."""

from service.api.abilities import AbilityApi
from service.api.blobs import BlobApi
from service.api.parts import Parts
from service.api.reports import ReportApi
from service.api.works import WorkApi


class ServiceApi(BlobApi, WorkApi, ReportApi, AbilityApi):
    """Implements ``service.rpc.ports.Api``."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        super().__init__(parts)
