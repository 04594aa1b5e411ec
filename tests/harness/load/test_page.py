from urllib.parse import parse_qs

import pytest

from idchaos.load.idp.page import filled_in


def test_a_login_form_is_filled_in_with_its_hidden_fields():
    page = b"""<form action="/search"><input name="q"></form>
      <form method="post" action="/login?x=1&amp;y=2"><input type="hidden" name="request" value="r&quot;1">
      <input type="text" name="user"><input type="password" name="pass"><input type="submit" name="go"></form>"""
    form = filled_in(page, "http://127.0.0.1:5/authorize?a=b", "alice", "p&w")
    assert (form.purpose, form.url) == ("login", "http://127.0.0.1:5/login?x=1&y=2")
    assert parse_qs(form.body.decode()) == {"request": ['r"1'], "user": ["alice"], "pass": ["p&w"]}


@pytest.mark.parametrize("page", [b"<html><form action='/x'><input name='q'></form>", b"\xff\x00<<<", b""])
def test_a_page_without_a_form_that_leads_on_has_none(page):
    assert filled_in(page, "http://h/", "a", "b") is None


def test_of_two_text_fields_the_user_s_name_goes_where_a_name_is_asked_for():
    page = b"<form method=post><input name=tenant><input name=username><input type=password name=p></form>"
    assert parse_qs(filled_in(page, "http://h/l", "alice", "x").body.decode()) == {"username": ["alice"], "p": ["x"]}


def test_a_box_that_is_ticked_stays_so():
    page = b"""<form method=post><input name=user><input type=checkbox name=stay checked>
      <input type=checkbox name=news value=1><input type=password name=p></form>"""
    assert parse_qs(filled_in(page, "http://h/l", "a", "x").body.decode())["stay"] == ["on"]
    assert b"news" not in filled_in(page, "http://h/l", "a", "x").body


def test_consent_is_given_by_the_button_that_agrees():
    page = b"""<form action=/no><input type=submit name=a value=Cancel></form>
      <form method=post action=/yes><input type=hidden name=t value=1><input type=submit name=a value=Accept></form>"""
    form = filled_in(page, "http://h/ask", "alice", "x")
    assert (form.purpose, form.url, parse_qs(form.body.decode())) == (
        "consent",
        "http://h/yes",
        {"t": ["1"], "a": ["Accept"]},
    )


def test_a_password_never_stands_in_a_url():
    page = b"<form method=get action=/l><input name=user><input type=password name=p></form>"
    form = filled_in(page, "http://h/l", "alice", "secret")
    assert (form.method, form.url) == ("POST", "http://h/l")
    assert "secret" not in repr(form)


@pytest.mark.parametrize(("refuses", "decision"), [(False, "allow"), (True, "deny")])
def test_a_user_can_refuse_what_is_asked_for(refuses: bool, decision: str) -> None:
    page = (
        b'<form action="/consent" method="post"><input type="hidden" name="request" value="r">'
        b'<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>'
    )
    found = filled_in(page, "https://idp/authorize", "alice", "secret", refuses=refuses)
    assert found is not None
    assert found.body == f"request=r&decision={decision}".encode()


def test_a_page_that_only_asks_to_go_on_is_gone_on_from() -> None:
    page = b'<form action="/next" method="post"><button name="go" value="1">Continue</button></form>'
    found = filled_in(page, "https://idp/authorize", "alice", "secret", refuses=True)
    assert found is not None
    assert found.body == b"go=1"
