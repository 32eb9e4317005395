"""Where messages may go."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.delivery.addresses import Allowed, forbidden, resolve, system_resolver
from monitor.errors import DeliveryError, UsageError

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:53aa:64c::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::5",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    assert forbidden(ip_address(text)) is not None
    with pytest.raises(DeliveryError, match="not a public address") as refused:
        resolve("hooks.example.com", 443, Allowed(), lambda host, port: [text])
    assert refused.value.permanent


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_pass(text: str) -> None:
    checked = resolve("hooks.example.com", 443, Allowed(), lambda host, port: [text])
    assert checked.addresses == (text,)
    assert not checked.allowed


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_when_it_is_mapped(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    assert forbidden(mapped) == forbidden(address)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_called_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert forbidden(address) is not None


@given(st.ip_addresses(v=4))
def test_every_tunnelled_form_of_an_ipv4_address_is_refused(address: IPv4Address) -> None:
    high, low = divmod(int(address), 65536)
    for text in (
        f"64:ff9b::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::",
        f"2001:0:{high:x}:{low:x}::1",
        f"::{high:x}:{low:x}",
    ):
        assert forbidden(ip_address(text)) is not None


def test_one_bad_address_condemns_the_host() -> None:
    with pytest.raises(DeliveryError, match=r"10\.0\.0\.7"):
        resolve("hooks.example.com", 443, Allowed(), lambda host, port: ["1.1.1.1", "10.0.0.7"])


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "10.0.0.7", "HOOKS.internal", "hooks.internal."])
def test_the_operator_can_allow_a_network_an_address_or_a_host(entry: str) -> None:
    checked = resolve("hooks.internal", 80, Allowed.parse([entry]), lambda host, port: ["10.0.0.7"])
    assert checked.allowed


def test_allowing_one_thing_allows_nothing_else() -> None:
    allowed = Allowed.parse(["10.0.0.0/8", "hooks.internal"])
    for host, address in [("hooks.internal.evil.example", "127.0.0.1"), ("evil.example", "169.254.169.254")]:
        with pytest.raises(DeliveryError):
            resolve(host, 80, allowed, lambda _host, _port, address=address: [address])


@pytest.mark.parametrize("entry", ["", "10.0.0.1/8", "http://hooks.internal", "a b", "*"])
def test_an_unusable_entry_is_an_error(entry: str) -> None:
    with pytest.raises(UsageError, match="allowed address"):
        Allowed.parse([entry])


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "127.1"])
def test_numbers_in_disguise_are_resolved_before_they_are_judged(host: str) -> None:
    with pytest.raises(DeliveryError, match="loopback"):
        resolve(host, 80, Allowed(), system_resolver)


def test_a_name_that_does_not_resolve_may_resolve_later() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(DeliveryError, match="does not resolve") as failed:
        resolve("hooks.example.com", 443, Allowed(), nobody)
    assert not failed.value.permanent
