# SPDX-License-Identifier: Apache-2.0
import contextlib
import tempfile

import pytest

from api_rig import ApiDaemon
from rig import Daemon, Receiver, certificate
from sdk_rig import installed, sdk  # noqa: F401 (fixtures)


def pytest_configure(config):
    config.addinivalue_line("markers", "threads: crosses threads; also run under ThreadSanitizer")


@pytest.fixture
def folder():
    """On a real disk: the daemon syncs what it stores."""
    with tempfile.TemporaryDirectory(prefix="hookswitch-test-", dir="/var/tmp") as path:
        yield path


@pytest.fixture
def make_receiver():
    with contextlib.ExitStack() as stack:
        def make(*args, **kwargs):
            receiver = Receiver(*args, **kwargs)
            stack.callback(receiver.close)
            return receiver
        yield make


@pytest.fixture
def operator(make_receiver):
    """Who gets the notices of [server] notify_url."""
    return make_receiver()


@pytest.fixture(params=["http", "https"])
def target(request, make_receiver, tmp_path):
    """Of plain HTTP and of TLS, which sink-webhook sends in two ways: makes a receiver; (it, its URL without a path,
    what a sink needs for it)."""
    def make(behave=None):
        if request.param == "http":
            receiver, options = make_receiver(behave), {}
        else:
            context, cert = certificate(tmp_path)
            receiver, options = make_receiver(behave, context=context), {"ca_file": cert}
        return receiver, receiver.url[:-len("/hook")], {"plugin": "webhook", **options}
    return make


@pytest.fixture
def make_daemon(folder):
    made = []

    def make(sinks, **kwargs):
        start = kwargs.pop("start", True)
        daemon = Daemon(folder, sinks, **kwargs)
        made.append(daemon)
        return daemon.start() if start else daemon
    yield make
    for daemon in made:
        try:
            daemon.stop()
        finally:
            if daemon.process and daemon.process.poll() is None:
                daemon.kill()


@pytest.fixture
def make_api(folder):
    """Daemons whose configuration API is open."""
    with contextlib.ExitStack() as stack:
        def make(**kwargs):
            daemon = ApiDaemon(folder, **kwargs)
            stack.callback(lambda: daemon.process and daemon.stop())
            return daemon.start()
        yield make


@pytest.fixture
def daemon(make_api):
    """One with an open configuration API."""
    return make_api()


@pytest.fixture
def receiver(make_receiver):
    """One that takes everything."""
    return make_receiver()


@pytest.fixture
def webhook(make_receiver, make_daemon):
    """A daemon with one webhook sink `out` and its receiver."""
    def make(behave=None, options=None, **kwargs):
        receiver = make_receiver(behave)
        daemon = make_daemon({"out": {"plugin": "webhook", "url": receiver.url, **(options or {})}}, **kwargs)
        return daemon, receiver
    return make
