"""One SPARQL endpoint asked politely: time limits, retries that wait longer each time, errors in one line."""

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message

from kgrec.errors import InputError

MEDIA_TYPES = {
    "application/n-triples": "N_TRIPLES",
    "text/plain": "N_TRIPLES",
    "text/turtle": "TURTLE",
    "application/x-turtle": "TURTLE",
    "application/rdf+xml": "RDF_XML",
}
"""Media type of an answer → pyoxigraph's name of the format."""
_ACCEPT = "application/n-triples, text/turtle;q=0.8, application/rdf+xml;q=0.5"
_AGENT = "kgrec/0.1 (research code; Python urllib)"
_PASSING = (408, 429, 500, 502, 503, 504)
_MAX_WAIT_S = 300.0


class SparqlClient:
    """Sends CONSTRUCT queries by POST, as the SPARQL 1.1 Protocol has it.

    Args:
        endpoint: address, ``http://`` or ``https://``.
        timeout_s: seconds without an answer after which a try has failed.
        tries: of each query, at least 1.
        wait_s: seconds before the second try; doubled for each further one, and never less than the server's
            own ``Retry-After``.
        sleep: waits so many seconds.

    Raises:
        InputError: an address of another kind, or a setting out of its range.
    """

    def __init__(
        self,
        endpoint: str,
        timeout_s: float,
        tries: int,
        wait_s: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise InputError(
                f"endpoint is {endpoint!r}, expected an address that begins with http:// or https://"
            )
        if timeout_s <= 0 or tries < 1 or wait_s < 0:
            raise InputError(
                f"timeout is {timeout_s:g} s, tries is {tries}, wait is {wait_s:g} s; expected more than 0, "
                "at least 1, and 0 or more"
            )
        self.endpoint = endpoint
        self._timeout_s, self._tries, self._wait_s, self._sleep = timeout_s, tries, wait_s, sleep

    def construct(self, query: str) -> list[str]:
        """Triples of a CONSTRUCT query as lines of N-Triples; blank nodes get labels that none had before.

        Raises:
            InputError: the query is refused, the answer is no RDF or only a part of it, or no try succeeded.
        """
        for attempt in range(1, self._tries + 1):
            try:
                return _triples(*self._post(query), self.endpoint)
            except _PassingError as error:
                if attempt == self._tries:
                    raise InputError(
                        f"{self.endpoint}: {error}; gave up after {self._tries} tries, start the same "
                        "command again to go on from here"
                    ) from error
                self._sleep(min(_MAX_WAIT_S, max(error.wait_s, self._wait_s * 2 ** (attempt - 1))))
        raise AssertionError("tries is at least 1")

    def _post(self, query: str) -> tuple[bytes, Message]:
        request = urllib.request.Request(
            self.endpoint,
            data=urllib.parse.urlencode({"query": query}).encode(),
            headers={"Accept": _ACCEPT, "User-Agent": _AGENT},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except TimeoutError as error:
            raise self._timeout() from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise self._timeout() from error
            raise _PassingError(f"cannot be reached: {error.reason}") from error
        except (http.client.HTTPException, ConnectionError) as error:
            raise _PassingError(f"the answer broke off: {error!r}") from error

    def _timeout(self) -> "_PassingError":
        return _PassingError(
            f"no answer within {self._timeout_s:g} s; a smaller --page or a longer --timeout may help"
        )

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        said = " ".join(error.read(2000).decode("utf-8", "replace").split())[:200]
        if error.code in _PASSING:
            after = error.headers.get("Retry-After", "")
            return _PassingError(f"status {error.code}: {said}", float(after) if after.isdigit() else 0.0)
        if error.code == 400:
            return InputError(f"{self.endpoint}: the query is refused as malformed: {said}")
        return InputError(f"{self.endpoint}: status {error.code} {error.reason}: {said}")


class _PassingError(Exception):
    """A failure that may be gone at the next try."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def _triples(data: bytes, headers: Message, endpoint: str) -> list[str]:
    """The answer as lines of N-Triples."""
    from pyoxigraph import RdfFormat, parse

    kind = headers.get_content_type()
    if kind not in MEDIA_TYPES:
        named = "HTML" if "html" in kind else kind
        raise InputError(
            f"{endpoint}: the answer is {named} instead of RDF; is this the address for queries, often "
            "…/sparql, and is the query a CONSTRUCT?"
        )
    if headers.get("X-SQL-State"):  # Virtuoso's way to say that it stopped half-way
        raise InputError(f"{endpoint}: the server gave only a part of the answer; ask for a smaller --page")
    try:
        quads = parse(data, format=getattr(RdfFormat, MEDIA_TYPES[kind]), rename_blank_nodes=True)
        return [f"{quad.triple} .\n" for quad in quads]
    except SyntaxError as error:
        raise InputError(f"{endpoint}: the answer is no {kind}: {' '.join(error.msg.split())}") from error
