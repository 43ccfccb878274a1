"""Fetching from a real server: what is let through, what is tried again, what is refused, and what is never shown."""

import gzip
import io
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import PermanentError, TransientError, UsageError
from pipeline.sources.addresses import is_allowed
from pipeline.sources.http import Http, Limits, shown_url
from pipeline.sources.http_errors import retry_after
from tests.web import Asked, Reply, Web, serving

BODY = "今天的桂花开了".encode()
SECRET = "s3cret-of-小店".encode().hex()


def late(match: str) -> pytest.RaisesExc[TransientError]:
    return pytest.raises(TransientError, match=match)


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


class Naps(list[float]):
    """Instead of sleeping: how long it would have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def http(naps: Naps) -> Iterator[Http]:
    with Http(allow_private=True, sleep=naps) as http:
        yield http


def test_body_and_headers_arrive(web: Web, http: Http) -> None:
    web.replies(Reply(BODY, headers={"ETag": '"v1"'}))
    answer = http.get(f"{web.url}/feed")
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, BODY, '"v1"')


def test_private_address_is_refused_before_anything_is_sent(web: Web) -> None:
    with Http() as http, pytest.raises(PermanentError, match=r"127\.0\.0\.1, which is private"):
        http.get(f"{web.url}/feed")
    assert not web.asked


def test_name_is_looked_up_once_and_the_address_that_was_checked_is_connected(web: Web) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with Http(allow_private=True, resolve=lambda _host, _port: next(answers)) as http:
        for _ in range(2):
            assert http.get(f"http://feeds.example:{web.port}/").status == 200
    assert {asked.headers["Host"] for asked in web.asked} == {f"feeds.example:{web.port}"}


def test_host_with_one_bad_address_among_good_ones_is_refused() -> None:
    with Http(resolve=lambda _host, _port: ["93.184.216.34", "10.1.2.3"]) as http, pytest.raises(PermanentError):
        http.get("http://feeds.example/")


def test_second_address_is_tried_where_the_first_does_not_answer(web: Web) -> None:
    with Http(allow_private=True, resolve=lambda _host, _port: ["127.0.0.9", "127.0.0.1"]) as http:
        assert http.get(f"http://feeds.example:{web.port}/").status == 200


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.216.34", True, True), ("2606:2800:220:1::1", True, True), ("10.0.0.1", False, True),
        ("127.0.0.1", False, True), ("::1", False, True), ("192.168.1.1", False, True), ("fd00::1", False, True),
        ("169.254.169.254", False, False), ("fe80::1", False, False), ("100.100.100.200", False, False),
        ("fd00:ec2::254", False, False), ("0.0.0.0", False, False), ("224.0.0.1", False, False),
        ("::ffff:10.0.0.1", False, True), ("::ffff:169.254.169.254", False, False), ("64:ff9b::a00:1", False, True),
        ("64:ff9b::a9fe:a9fe", False, False), ("2002:a9fe:a9fe::1", False, False),
    ],
)  # fmt: skip
def test_addresses(address: str, public: bool, private: bool) -> None:
    assert is_allowed(address, allow_private=False) is public
    assert is_allowed(address, allow_private=True) is private


@pytest.mark.parametrize(
    "url", ["ftp://a.example/x", "file:///etc/passwd", "http://", "http://a.example:0/", "nonsense"]
)
def test_other_schemes_are_a_usage_error(http: Http, url: str) -> None:
    with pytest.raises(UsageError, match="expected http"):
        http.get(url)


def test_password_in_the_url_is_refused_and_not_shown(http: Http) -> None:
    with pytest.raises(UsageError) as error:
        http.get(f"http://me:{SECRET}@a.example/")
    assert SECRET not in str(error.value)


def test_redirect_to_a_forbidden_address_is_refused(web: Web, http: Http) -> None:
    web.replies(Reply(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}))
    with pytest.raises(PermanentError, match=r"169\.254\.169\.254"):
        http.get(f"{web.url}/feed")


def test_redirect_to_another_scheme_is_refused(web: Web, http: Http) -> None:
    web.replies(Reply(status=302, headers={"Location": "file:///etc/passwd"}))
    with pytest.raises(PermanentError):
        http.get(f"{web.url}/feed")


def test_few_redirects_are_followed_and_many_are_not(web: Web, http: Http) -> None:
    def hop(asked: Asked) -> Reply:
        left = int(asked.path.strip("/"))
        return Reply(BODY) if left == 0 else Reply(status=301, headers={"Location": f"/{left - 1}"})

    web.answer = hop
    assert http.get(f"{web.url}/3").body == BODY
    with pytest.raises(PermanentError, match="too many redirects"):
        http.get(f"{web.url}/9")


def test_token_goes_in_a_header_and_not_to_another_host(web: Web, http: Http) -> None:
    with serving() as other:
        web.replies(Reply(status=302, headers={"Location": f"{other.url}/"}))
        http.get(f"{web.url}/", token=SecretStr(SECRET))
        assert web.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
        assert other.asked[0].headers["Authorization"] is None


def test_token_that_no_header_can_carry_is_a_usage_error_without_it(http: Http) -> None:
    with pytest.raises(UsageError) as error:
        http.get("http://127.0.0.1:9/", token=SecretStr(f"{SECRET}\r\nX: y"))
    assert SECRET not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(web: Web, http: Http, naps: Naps, status: int) -> None:
    web.replies(Reply(status=status), Reply(status=status), Reply(BODY))
    assert http.get(f"{web.url}/").body == BODY
    assert len(naps) == 2


def test_waits_as_long_as_the_server_asks(web: Web, http: Http, naps: Naps) -> None:
    web.replies(Reply(status=429, headers={"Retry-After": "7"}), Reply(BODY))
    assert http.get(f"{web.url}/").body == BODY
    assert naps == [7.0]


def test_waits_grow_with_jitter_and_end(web: Web, http: Http, naps: Naps) -> None:
    web.replies(Reply(status=503))
    with pytest.raises(TransientError, match="got HTTP 503"):
        http.get(f"{web.url}/")
    assert len(web.asked) == 5
    assert all(0 <= nap <= 2**number for number, nap in enumerate(naps))


def test_a_wait_too_long_is_left_to_the_next_run(web: Web, http: Http, naps: Naps) -> None:
    web.replies(Reply(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(TransientError, match="in 3600 s"):
        http.get(f"{web.url}/")
    assert (len(web.asked), naps) == (1, [])


def test_retry_after_as_a_date_counts_from_the_servers_own_clock() -> None:
    now = 1_780_000_000
    headers = {"date": formatdate(now, usegmt=True), "retry-after": formatdate(now + 30, usegmt=True)}
    assert retry_after(headers) == 30.0


def test_mastodons_reset_time_is_a_retry_after() -> None:
    headers = {
        "date": "Sun, 08 Mar 2026 12:00:00 GMT", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-03-08T12:00:20.5Z",
    }  # fmt: skip
    assert retry_after(headers) == 20.5
    assert retry_after({**headers, "x-ratelimit-remaining": "3"}) is None


@pytest.mark.parametrize("said", ["", "soon", "-1", "1e3"])
def test_retry_after_that_says_nothing(said: str) -> None:
    assert retry_after({"retry-after": said}) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_other_refusals_are_final(web: Web, http: Http, status: int) -> None:
    web.replies(Reply(status=status))
    with pytest.raises(PermanentError, match=f"got HTTP {status}"):
        http.get(f"{web.url}/")
    assert len(web.asked) == 1


def test_connection_refused_is_transient(http: Http, naps: Naps) -> None:
    with serving() as gone:
        pass
    with pytest.raises(TransientError, match="no connection"):
        http.get(f"{gone.url}/")
    assert len(naps) == 4


def test_body_that_breaks_off_is_fetched_again(web: Web, http: Http) -> None:
    web.replies(Reply(BODY, cut=5), Reply(BODY))
    assert http.get(f"{web.url}/").body == BODY


def test_download_starts_anew_after_a_broken_body(web: Web, http: Http) -> None:
    web.replies(Reply(b"x" * 100, cut=90), Reply(BODY))
    target = io.BytesIO()
    http.download(f"{web.url}/", target)
    assert target.getvalue() == BODY


def test_not_modified_is_an_answer_only_where_it_was_asked_for(web: Web, http: Http) -> None:
    web.replies(Reply(status=304, headers={"ETag": '"v1"'}))
    assert http.get(f"{web.url}/", headers={"If-None-Match": '"v1"'}).status == 304
    with pytest.raises(PermanentError, match="HTTP 304"):
        http.get(f"{web.url}/")


def test_size_is_capped(web: Web) -> None:
    web.replies(Reply(b"x" * 1001))
    with (
        Http(allow_private=True, limits=Limits(max_bytes=1000)) as http,
        pytest.raises(PermanentError, match="1,000 bytes"),
    ):
        http.get(f"{web.url}/")


def test_gzip_is_unpacked(web: Web, http: Http) -> None:
    web.replies(Reply(gzip.compress(BODY * 50_000), headers={"Content-Encoding": "gzip"}))
    assert http.get(f"{web.url}/").body == BODY * 50_000


def test_bomb_is_stopped_at_the_cap(web: Web) -> None:
    web.replies(Reply(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}))
    target = io.BytesIO()
    with Http(allow_private=True, limits=Limits(max_bytes=10_000)) as http, pytest.raises(PermanentError):
        http.download(f"{web.url}/", target)
    assert target.getvalue() == b""


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd"])
def test_other_encodings_are_refused(web: Web, http: Http, encoding: str) -> None:
    web.replies(Reply(BODY, headers={"Content-Encoding": encoding}))
    with pytest.raises(PermanentError, match="Content-Encoding"):
        http.get(f"{web.url}/")


def test_gzip_that_breaks_off_is_transient(web: Web, http: Http) -> None:
    web.replies(Reply(gzip.compress(BODY * 100)[:-9], headers={"Content-Encoding": "gzip"}))
    with pytest.raises(TransientError, match="breaks off"):
        http.get(f"{web.url}/")


def test_time_is_capped(web: Web, naps: Naps) -> None:
    web.replies(Reply(BODY))
    ticks = iter(range(0, 10**6, 700))
    with Http(allow_private=True, sleep=naps, clock=lambda: next(ticks)) as http, late("no answer in time"):
        http.get(f"{web.url}/")


def test_silent_server_is_a_timeout(web: Web, naps: Naps) -> None:
    web.answer = lambda _: time.sleep(0.2) or Reply()  # type: ignore[func-returns-value]
    with (
        Http(allow_private=True, limits=Limits(read_seconds=0.02, attempts=2), sleep=naps) as http,
        late("no answer in time"),
    ):
        http.get(f"{web.url}/")


def test_head_that_drips_ends_with_the_time_of_the_fetch(naps: Naps) -> None:
    with drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000) as url:
        limits = Limits(seconds=0.15, read_seconds=5.0, attempts=1)
        with Http(allow_private=True, limits=limits, sleep=naps) as http, late("no answer in time"):
            http.get(url)


@contextmanager
def drip(data: bytes) -> Iterator[str]:
    """A server that sends `data` byte by byte, one every 10 ms, as long as somebody listens."""

    def serve() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            for place in range(len(data)):
                connection.sendall(data[place : place + 1])
                time.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a certificate for feeds.example, which vouches for itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "feeds.example")])
    names = x509.SubjectAlternativeName([x509.DNSName("feeds.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    signed = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return path


@pytest.mark.parametrize(("host", "is_fine"), [("feeds.example", True), ("other.example", False)])
def test_certificate_must_be_that_of_the_name(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, naps: Naps, host: str, is_fine: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    there = Http(allow_private=True, resolve=lambda _host, _port: ["127.0.0.1"], sleep=naps)
    with serving(context) as web, there as http:
        web.replies(Reply(BODY))
        if is_fine:
            assert http.get(f"https://{host}:{web.port}/").body == BODY
        else:
            with pytest.raises(PermanentError, match="certificate"):
                http.get(f"https://{host}:{web.port}/")


def test_nothing_secret_is_logged_or_told(web: Web, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    web.replies(Reply(status=404))
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, name)
    with pytest.raises(PermanentError) as error:
        http.get(f"{web.url}/feed?key={SECRET}", token=SecretStr(SECRET))
    assert SECRET not in caplog.text
    assert SECRET not in "".join(traceback.format_exception(error.value))


def test_connection_errors_tell_no_secret(http: Http) -> None:
    with serving() as gone:
        pass
    with pytest.raises(TransientError) as error:
        http.get(f"{gone.url}/feed?key={SECRET}", token=SecretStr(SECRET))
    assert SECRET not in "".join(traceback.format_exception(error.value))


def test_shown_urls_of_two_queries_differ() -> None:
    one, two = (shown_url(f"https://u:p@feeds.example:8443/小店?key={key}#x") for key in ("a", "b"))
    assert one.startswith("https://feeds.example:8443/小店?")
    assert one != two
    assert "key" not in one
