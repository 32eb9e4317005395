"""Where a message may go: a host is resolved once, every address is checked, and the connection goes to what
was checked.

Without this, whoever may name a webhook can make the service talk to the cloud's metadata address or to a
database on loopback (server-side request forgery), also through a name that resolves differently the second
time.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from monitor.errors import DeliveryError, UsageError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Iterable[str]]

# `ipaddress.is_global` alone is not enough: Python 3.11 calls NAT64 and 6to4 forms of private addresses
# global.
_DENIED: tuple[tuple[str, Network], ...] = tuple(
    (reason, ip_network(text))
    for reason, text in (
        ("this host", "0.0.0.0/8"),
        ("private", "10.0.0.0/8"),
        ("shared by carriers (CGNAT)", "100.64.0.0/10"),
        ("loopback", "127.0.0.0/8"),
        ("link-local, where clouds keep credentials", "169.254.0.0/16"),
        ("private", "172.16.0.0/12"),
        ("reserved for protocols", "192.0.0.0/24"),
        ("documentation", "192.0.2.0/24"),
        ("6to4 relay", "192.88.99.0/24"),
        ("private", "192.168.0.0/16"),
        ("benchmarking", "198.18.0.0/15"),
        ("documentation", "198.51.100.0/24"),
        ("documentation", "203.0.113.0/24"),
        ("multicast", "224.0.0.0/4"),
        ("reserved", "240.0.0.0/4"),
        ("this host, or an IPv4 address written as IPv6", "::/96"),
        ("NAT64", "64:ff9b::/96"),
        ("local NAT64", "64:ff9b:1::/48"),
        ("discard", "100::/64"),
        ("reserved for protocols, Teredo among them", "2001::/23"),
        ("documentation", "2001:db8::/32"),
        ("6to4", "2002::/16"),
        ("documentation", "3fff::/20"),
        ("segment routing", "5f00::/16"),
        ("private (unique local)", "fc00::/7"),
        ("link-local", "fe80::/10"),
        ("site-local", "fec0::/10"),
        ("multicast", "ff00::/8"),
    )
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator allows although it is not public: host names (as in the URL) and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Allowed:
        """From a list such as `["airflow.svc", "10.0.0.0/8"]`. UsageError for an unusable entry."""
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            text = entry.strip().lower().rstrip(".")
            try:
                networks.append(ip_network(text))
            except ValueError as error:
                if not text or not all(c.isalnum() or c in "-._" for c in text):
                    raise UsageError(
                        f"allowed address {entry!r}: use a host name, an address or a network"
                    ) from error
                hosts.add(text)
        return cls(frozenset(hosts), tuple(networks))

    def host(self, host: str) -> bool:
        return host.lower().rstrip(".") in self.hosts

    def address(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Checked:
    """Addresses that a host resolved to and that may be connected to, in the resolver's order.

    `allowed` is true if the operator's list was needed or matched: such a receiver may be spoken to without
    TLS.
    """

    addresses: tuple[str, ...]
    allowed: bool


def forbidden(address: Address) -> str | None:
    """Why an address is not a public one, None if it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    for reason, network in _DENIED:
        if address.version == network.version and address in network:
            return reason
    return None if address.is_global else "not public"


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a host as the system sees them. OSError if it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(host: str, port: int, allowed: Allowed, resolver: Resolver = system_resolver) -> Checked:
    """Resolve once and check every address: one bad address condemns the host.

    Raises DeliveryError, temporary if the name does not resolve, permanent if an address is neither public
    nor allowed.
    """
    try:
        texts = tuple(resolver(host, port))
    except (OSError, UnicodeError) as error:
        raise DeliveryError(f"{host} does not resolve: {error}") from error
    if not texts:
        raise DeliveryError(f"{host} does not resolve: no address")
    if allowed.host(host):
        return Checked(texts, True)
    needed = False
    for text in texts:
        address = ip_address(text)
        if allowed.address(address):
            needed = True
            continue
        reason = forbidden(address)
        if reason is not None:
            raise DeliveryError(
                f"{host} is at {text}, which is not a public address ({reason}): if that is meant, "
                "add the host or its network to the allowed addresses and replay the message",
                permanent=True,
            )
    return Checked(texts, needed)
