"""`driftglass alerts`, `explain`, `unlike` and `triggers`: what was found, and everything known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import typer

from monitor.doors.opening import or_empty, store_with_models
from monitor.doors.options import Alert, Database, Json, Limit, ModelName
from monitor.doors.typed import one_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


def alerts(
    database: Database = None,
    model: ModelName = None,
    family: Annotated[
        str | None, typer.Option(help="Only this family: a family of the contract, or health.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what is open.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """The newest episodes, with what they name."""
    from checks.series import Family
    from monitor.alerts.families import HEALTH
    from monitor.store import listing
    from monitor.terminal import episode_list, plain, print_json, print_out

    one_of("--family", family, (*get_args(Family), HEALTH))
    with or_empty([], as_json=as_json), store_with_models(database) as store:
        with store.read() as conn:
            page = listing.episodes(
                conn,
                model_id=_model_id(conn, model),
                family=family,
                resolved=False if only_open else None,
                limit=limit,
            )
        if as_json:
            print_json([plain(row) for row in page.rows])
        else:
            print_out(episode_list(store, page.rows))


def explain(alert: Alert, database: Database = None, as_json: Json = False) -> None:
    """Everything known of an alert: three sentences, then what moved, where, and examples."""
    from monitor.explained import show_explanation

    with store_with_models(database) as store:
        show_explanation(store, alert, as_json=as_json)


def unlike(
    database: Database = None, model: ModelName = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Windows that as a whole are unlike the reference, alert or not: one in a hundred is by chance."""
    from monitor.unlike import show_unlike

    with or_empty([], as_json=as_json), store_with_models(database) as store:
        show_unlike(store, model, limit=limit, as_json=as_json)


def triggers(
    database: Database = None, model: ModelName = None, limit: Limit = 50, as_json: Json = False
) -> None:
    """Retraining triggers, newest first, with the verdict of every guard."""
    from monitor.store import listing
    from monitor.terminal import plain, print_json, print_out, trigger_list

    with or_empty([], as_json=as_json), store_with_models(database) as store:
        with store.read() as conn:
            page = listing.triggers(conn, model_id=_model_id(conn, model), limit=limit)
        if as_json:
            print_json([plain(row) for row in page.rows])
        else:
            print_out(trigger_list(page.rows))


def _model_id(conn: Connection, name: str | None) -> int | None:
    from monitor.store import models

    return None if name is None else models.get(conn, name).id
