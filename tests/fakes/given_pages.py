"""What central would answer an agent about its pages, without a central."""

from appliance.protocol import PageCertificate


class GivenPages:
    """Answers as it was told, and counts (`appliance.room.agent.central_client.CentralClient`)."""

    def __init__(self) -> None:
        self.page: PageCertificate | None = PageCertificate()
        self.requests: list[str] = []
        self.fetched = 0

    async def fetch_page_certificate(self) -> PageCertificate | None:
        self.fetched += 1
        return self.page

    async def sign_page_certificate(self, request: str) -> PageCertificate:
        self.requests.append(request)
        assert self.page is not None
        return self.page
