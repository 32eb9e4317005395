"""`driftglass review`: one file."""

from __future__ import annotations

import re
from pathlib import Path

from tests.monitor.commandline import Cli, Watched, store_beside


def test_a_review_is_one_file_that_needs_no_other(cli: Cli, watched: Watched, tmp_path: Path) -> None:
    target = tmp_path / "review.html"
    assert cli("review", "-d", watched.url, "--html", target).code == 0
    page = target.read_text("utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "2026-W25" in page  # of the newest judged window
    assert "predictions" in page
    fetched = re.findall(r"<(?:link|script|img)\b[^>]*?(?:href|src)=\"([^\"]*)", page)
    assert all(address.startswith("data:") for address in fetched)
    assert "@import" not in page
    assert "url(" not in page
    assert cli("review", "-d", watched.url, "--week", "2026-W99", "--html", target).code == 2


def test_a_review_of_nothing_says_so(cli: Cli, quiet: Path) -> None:
    cli("run", "-c", quiet, "-d", store_beside(quiet), "--as-of", "2026-06-10")
    done = cli("review", "-d", store_beside(quiet), "--html", quiet.with_name("review.html"))
    assert done.code == 2
    assert "nothing was judged yet" in done.err
    assert not quiet.with_name("review.html").exists()
    assert cli("triggers", "-d", store_beside(quiet)).out == "no triggers\n"
