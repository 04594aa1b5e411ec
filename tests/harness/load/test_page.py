from urllib.parse import parse_qs

from idchaos.load.idp.page import filled_login


def test_a_login_form_is_filled_in_with_its_hidden_fields():
    page = b"""<form action="/search"><input name="q"></form>
      <form method="post" action="/login?x=1&amp;y=2"><input type="hidden" name="request" value="r&quot;1">
      <input type="text" name="user"><input type="password" name="pass"><input type="submit" name="go"></form>"""
    url, body = filled_login(page, "http://127.0.0.1:5/authorize?a=b", "alice", "p&w")
    assert url == "http://127.0.0.1:5/login?x=1&y=2"
    assert parse_qs(body.decode()) == {"request": ['r"1'], "user": ["alice"], "pass": ["p&w"]}


def test_a_page_without_a_password_field_is_no_login_page():
    assert filled_login(b"<html><form action='/x'><input name='q'></form>", "http://h/", "a", "b") is None
    assert filled_login(b"\xff\x00<<<", "http://h/", "a", "b") is None
