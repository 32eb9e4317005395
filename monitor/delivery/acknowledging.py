"""Who acknowledges an alert here acknowledges its incident there."""

from __future__ import annotations

import hashlib
import logging

from sqlalchemy import Connection

from monitor.alerts.notify import subject_of, type_of
from monitor.contract import parse
from monitor.contract.channels import PagerDutyChannel
from monitor.delivery.channels.pagerduty import acknowledgement
from monitor.errors import ContractError, NotFound
from monitor.store import alerts, contracts, outbox

log = logging.getLogger(__name__)


def acknowledge(conn: Connection, episode_id: int, now_us: int) -> int:
    """Write an acknowledgement for every PagerDuty channel that was told of the episode, in the transaction of the
    act; returns how many. A channel that the contract does not name any more is left out.
    """
    told = outbox.channels_told(conn, episode_id)
    if not told:
        return 0
    episode = alerts.get(conn, episode_id)
    pagers = _pagers(conn, episode.model_id, episode.model)
    return sum(
        outbox.enqueue(
            conn,
            key=_key(episode_id, channel, now_us),
            model_id=episode.model_id,
            channel=channel,
            type=type_of("acknowledged"),
            subject=subject_of(episode.model, episode.family),
            body=acknowledgement(episode.model, episode.family, episode_id),
            now_us=now_us,
            episode_id=episode_id,
        )
        for channel in told
        if channel in pagers
    )


def _pagers(conn: Connection, model_id: int, model: str) -> set[str]:
    """The PagerDuty channels of a model; none if its contract cannot be had: the act itself counts all the same."""
    try:
        contract = parse(contracts.current(conn, model_id).body, f"{model}.yaml")
    except (NotFound, ContractError) as error:
        log.warning("PagerDuty is not told of an acknowledgement: %s", error)
        return set()
    return {
        f"{model}/{name}" for name, spec in contract.channels.items() if isinstance(spec, PagerDutyChannel)
    }


def _key(episode_id: int, channel: str, now_us: int) -> str:
    text = f"acknowledged\0{episode_id}\0{channel}\0{now_us}"
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]
