"""Which IP addresses must not be contacted on behalf of somebody who only may write resources."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Cloud metadata services that are neither link-local nor loopback.
_METADATA = tuple(ipaddress.ip_network(text) for text in ("fd00:ec2::254/128", "100.100.100.200/32"))


def refusal(host: str, address: str, allowed: Sequence[Network]) -> str | None:
    """Why an IP address must not be contacted, or None. ``allowed`` networks are exempt."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if any(ip in network for network in allowed if network.version == ip.version):
        return None
    kind = ""
    if ip.is_loopback:
        kind = "loopback"
    elif ip.is_link_local:
        kind = "link-local"
    elif ip.is_unspecified or ip.is_multicast or ip.is_reserved:
        kind = "special"
    elif any(ip in network for network in _METADATA if network.version == ip.version):
        kind = "metadata-service"
    return f"{host} is {ip}, a {kind} address" if kind else None
