from idchaos.load.engine.scheduler import Scheduler
from idchaos.planning.arrivals import Arrival


class World:
    """A clock that only moves when it is slept on, and arrivals that stay under way until they are finished."""

    def __init__(self, limit=10, spawn_cost=0.0):
        self.now = 0.0
        self.spawn_cost = spawn_cost
        self.sent = []
        self.dropped = []
        self.waiting = []
        self.yields = 0
        self.scheduler = Scheduler(
            now=lambda: self.now,
            sleep_until=self.sleep_until,
            spawn=self.spawn,
            give_way=self.give_way,
            handle=lambda arrival, due: None,
            drop=lambda arrival, due: self.dropped.append(due),
            limit=limit,
        )

    def sleep_until(self, moment):
        self.now = max(self.now, moment)

    def spawn(self, function, arrival, due):
        self.sent.append((self.now, due))
        self.waiting.append((function, arrival, due))
        self.now += self.spawn_cost

    def give_way(self):
        self.yields += 1

    def finish(self, count):
        for function, arrival, due in self.waiting[:count]:
            function(arrival, due)
        del self.waiting[:count]


def arrivals(*due):
    return [Arrival(moment, 0, 0, 0, 0, 0) for moment in due]


def test_arrivals_are_sent_when_they_are_due_though_nothing_is_answered():
    world = World()
    world.scheduler.run(arrivals(0.1, 0.2, 0.2, 0.5), start=100.0)
    assert world.sent == [(100.1, 100.1), (100.2, 100.2), (100.2, 100.2), (100.5, 100.5)]
    assert world.scheduler.in_flight == 4


def test_beyond_the_bound_arrivals_are_dropped_and_not_forgotten():
    world = World(limit=2)
    world.scheduler.run(arrivals(0.1, 0.2, 0.3, 0.4), start=0.0)
    assert [due for _, due in world.sent] == [0.1, 0.2]
    assert world.dropped == [0.3, 0.4]


def test_an_answer_makes_room():
    world = World(limit=1)
    world.scheduler.run(arrivals(0.1), start=0.0)
    world.finish(1)
    world.scheduler.run(arrivals(0.2), start=0.0)
    assert world.dropped == []


def test_a_late_scheduler_catches_up_without_forgetting_the_due_times():
    world = World(limit=100, spawn_cost=1.0)
    world.scheduler.run(arrivals(*(n / 10 for n in range(20))), start=0.0)
    assert [due for _, due in world.sent] == [n / 10 for n in range(20)]
    assert world.sent[-1][0] == 19.0
    assert world.yields > 0  # those that were started must get to run


def test_a_stopped_scheduler_sends_nothing_more():
    world = World()
    world.scheduler.stopped = True
    world.scheduler.run(arrivals(0.1, 0.2), start=0.0)
    assert world.sent == []
