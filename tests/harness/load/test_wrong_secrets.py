"""A client's secret is tried for wrong ones wherever there is a client with a secret, users or not."""

from __future__ import annotations

from tests.harness.load.conftest import MACHINE, arrival, samples, stock


def test_they_are_sent_where_nobody_can_log_in(world, scene, monkeypatch):
    shown = []

    def client_credentials(client):
        shown.append(client)
        return world._step("token", "deny", "invalid_client"), {}

    monkeypatch.setattr(world, "client_credentials", client_credentials)
    scene.endpoints = scene.endpoints.model_copy(update={"users": (), "clients": (MACHINE,)})
    canaries = stock(scene, "wrong_secret")
    shown.clear()  # tokens that were wanted beforehand
    for _ in range(2):
        canaries.canary(arrival(), due=world.now)
    assert scene.recorder.skipped == {}
    assert [(row["canary"], row["outcome"]) for row in samples(scene)] == [("wrong_secret", "denied")] * 2
    assert [each.client_id for each in shown] == ["machine"] * 2
    assert MACHINE.client_secret not in {each.client_secret for each in shown}
