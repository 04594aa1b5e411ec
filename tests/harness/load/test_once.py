"""What may change something is served once."""

from idchaos.load.engine.once import Once


def test_what_is_named_once_was_served_once():
    once = Once()
    once.told("orders", ["e0", "e1"])
    once.posted("e1", "POST by gateway-1")
    once.told("orders", ["e1", "e2"])
    assert once.counts() == {"posts_are_served_once": {"looked": 1, "broken": 0, "first": ""}}


def test_what_its_own_answer_names_besides_was_served_twice():
    once = Once()
    once.told("orders", ["e0", "e1", "e1"])
    once.posted("e1", "POST by gateway-1")
    once.told("orders", ["e1", "e1", "e2"])
    assert once.counts()["posts_are_served_once"] == {
        "looked": 1,
        "broken": 1,
        "first": "orders served POST by gateway-1 twice",
    }


def test_a_later_answer_may_tell_of_it():
    once = Once()
    once.posted("e1", "POST by gateway-1")
    once.told("orders", ["e1", "e7", "e1"])
    assert (once.looked, once.broken) == (1, 1)


def test_what_may_be_repeated_is_no_breach():
    once = Once()
    once.told("orders", ["e1", "e1"])
    once.posted("e2", "POST by gateway-1")
    assert once.broken == 0


def test_of_services_that_tell_nothing_nothing_is_known():
    assert Once().counts() == {}
